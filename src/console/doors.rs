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
const HELD_READERS: DoorRoles = DoorRoles::Of(&[Role::Read, Role::Decide]);
const DECIDERS: DoorRoles = DoorRoles::Of(&[Role::Decide]);
const LEDGER_READERS: DoorRoles = DoorRoles::Of(&[Role::Read]);
const MANAGERS: DoorRoles = DoorRoles::Of(&[Role::Manage]);
const PRIVACY: DoorRoles = DoorRoles::Of(&[Role::Privacy]);
const OPERATORS: DoorRoles = DoorRoles::Of(&[Role::Operate]);
const STORY_READERS: DoorRoles = DoorRoles::Of(&[
    Role::Read,
    Role::Privacy,
    Role::Reconcile,
    Role::Settle,
    Role::Decide,
    Role::Manage,
]);
const REFERRAL_READERS: DoorRoles =
    DoorRoles::Of(&[Role::Read, Role::Privacy, Role::Decide, Role::Manage]);
const APPROVERS: DoorRoles = DoorRoles::Of(&[Role::Approve]);

/// Every door of the console.
pub const DOORS: &[Door] = &[
    get("/console", DoorRoles::All),
    get("/console/today", DoorRoles::All),
    post("/console/sign-out", DoorRoles::All),
    get("/console/stay", DoorRoles::All),
    get("/console/sessions", DoorRoles::All),
    post("/console/sessions/{session}/end", DoorRoles::All),
    get("/console/find", STORY_READERS),
    post("/console/find", STORY_READERS),
    get("/console/stories/events/{event}", STORY_READERS),
    get("/console/stories/referrals/{referral}", REFERRAL_READERS),
    get("/console/breaks", READERS),
    post("/console/breaks/chosen", PROPOSERS),
    post("/console/breaks/chosen/proposals", PROPOSERS),
    post("/console/approvals/chosen", SETTLERS),
    post("/console/approvals/chosen/approval", SETTLERS),
    get("/console/breaks/{break}", READERS),
    post("/console/breaks/{break}/proposals", PROPOSERS),
    post("/console/breaks/{break}/notes", PROPOSERS),
    post("/console/breaks/{break}/attachments", PROPOSERS),
    get("/console/breaks/{break}/attachments/{attachment}", READERS),
    post("/console/breaks/{break}/approval", SETTLERS),
    post("/console/breaks/{break}/rejection", SETTLERS),
    get("/console/approvals", READERS),
    get("/console/approvals/corrections", CORRECTION_READERS),
    get("/console/approvals/corrections/{correction}", CORRECTION_READERS),
    post("/console/approvals/corrections/{correction}/approval", APPROVERS),
    post("/console/approvals/corrections/{correction}/rejection", APPROVERS),
    get("/console/approvals/held", HELD_READERS),
    get("/console/approvals/held/{held}", HELD_READERS),
    post("/console/approvals/held/{held}/release", DECIDERS),
    post("/console/approvals/held/{held}/rejection", DECIDERS),
    get("/console/approvals/referrals", DECIDERS),
    get("/console/approvals/referrals/{referral}", DECIDERS),
    post("/console/approvals/referrals/{referral}/release", DECIDERS),
    post("/console/approvals/referrals/{referral}/rejection", DECIDERS),
    get("/console/approvals/bank", READERS),
    get("/console/approvals/bank/{entry}", READERS),
    post("/console/approvals/bank/{entry}/proposals", PROPOSERS),
    post("/console/approvals/bank/{entry}/approval", SETTLERS),
    post("/console/approvals/bank/{entry}/rejection", SETTLERS),
    get("/console/partners", HELD_READERS),
    get("/console/partners/{partner}", HELD_READERS),
    post("/console/partners/{partner}/freeze", DECIDERS),
    post("/console/partners/{partner}/freeze/end", DECIDERS),
    get("/console/tasks", MANAGERS),
    get("/console/tasks/{task}", MANAGERS),
    post("/console/tasks/{task}/completion", MANAGERS),
    post("/console/tasks/{task}/cancellation", MANAGERS),
    get("/console/ledger", LEDGER_READERS),
    get("/console/ledger/{account}/{owner}", LEDGER_READERS),
    get("/console/readings", PRIVACY),
    get("/console/readings/file", PRIVACY),
    get("/console/operations", OPERATORS),
    post("/console/operations/messages/{message}/replay", OPERATORS),
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
