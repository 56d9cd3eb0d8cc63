//! Who may open which page, and send which form. What does not stand here opens for nobody.

use actix_web::http::Method;

use crate::http::access::staff::Role;

/// A page, or a form.
#[derive(Clone, Copy, Debug)]
pub struct Door {
    pub method: DoorMethod,
    /// The path as its route is written.
    pub path: &'static str,
    pub roles: DoorRoles,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DoorMethod {
    Get,
    Post,
}

/// Who may come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DoorRoles {
    /// Whoever is signed in.
    All,
    /// Whoever has one of these roles.
    Of(&'static [Role]),
}

const READERS: DoorRoles = DoorRoles::Of(&[Role::Reconcile, Role::Settle]);
const PROPOSERS: DoorRoles = DoorRoles::Of(&[Role::Reconcile]);
const SETTLERS: DoorRoles = DoorRoles::Of(&[Role::Settle]);
const CORRECTION_READERS: DoorRoles = DoorRoles::Of(&[Role::Read, Role::Approve]);
const APPROVERS: DoorRoles = DoorRoles::Of(&[Role::Approve]);

/// Every door of the console.
pub const DOORS: &[Door] = &[
    get("/console", DoorRoles::All),
    get("/console/today", DoorRoles::All),
    post("/console/sign-out", DoorRoles::All),
    get("/console/sessions", DoorRoles::All),
    post("/console/sessions/{session}/end", DoorRoles::All),
    get("/console/breaks", READERS),
    get("/console/breaks/{break}", READERS),
    post("/console/breaks/{break}/proposals", PROPOSERS),
    post("/console/breaks/{break}/notes", PROPOSERS),
    post("/console/breaks/{break}/approval", SETTLERS),
    post("/console/breaks/{break}/rejection", SETTLERS),
    get("/console/approvals", READERS),
    get("/console/approvals/corrections", CORRECTION_READERS),
    get("/console/approvals/corrections/{correction}", CORRECTION_READERS),
    post("/console/approvals/corrections/{correction}/approval", APPROVERS),
    post("/console/approvals/corrections/{correction}/rejection", APPROVERS),
    get("/console/files", PROPOSERS),
    post("/console/files", PROPOSERS),
    get("/console/settlement", READERS),
    get("/console/settlement/{partner}/{period}", READERS),
    post("/console/settlement/{partner}/{period}/proposal", PROPOSERS),
    post("/console/settlement/{partner}/{period}/comparison", PROPOSERS),
    post("/console/settlement/{partner}/{period}/close", SETTLERS),
    post("/console/settlement/{partner}/{period}/rejection", SETTLERS),
    post("/console/settlement/{partner}/{period}/payout", SETTLERS),
    get("/console/settlement/{partner}/{period}/statement/{format}", READERS),
];

const fn get(path: &'static str, roles: DoorRoles) -> Door {
    Door { method: DoorMethod::Get, path, roles }
}

const fn post(path: &'static str, roles: DoorRoles) -> Door {
    Door { method: DoorMethod::Post, path, roles }
}

/// The door of a request.
pub fn door(method: &Method, path: &str) -> Option<&'static Door> {
    let wanted = match *method {
        Method::GET | Method::HEAD => DoorMethod::Get,
        Method::POST => DoorMethod::Post,
        _ => return None,
    };
    DOORS.iter().find(|door| door.method == wanted && door.path == path)
}

impl DoorRoles {
    /// Whether somebody with these roles may come in.
    #[must_use]
    pub fn admit(self, roles: &[String]) -> bool {
        match self {
            Self::All => true,
            Self::Of(wanted) => wanted.iter().any(|role| has(roles, *role)),
        }
    }
}

/// Whether a role is among those that the identity provider lists.
pub fn has(roles: &[String], role: Role) -> bool {
    roles.iter().any(|listed| listed == role.name())
}
