//! The bank's staff. `Staff<Adjust>` in a signature is a person for whom the staff's identity
//! provider vouches now, with that role. Without settings for such tokens nobody is.

use std::future::ready;
use std::marker::PhantomData;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use futures_util::future::LocalBoxFuture;

use crate::clock;
use crate::http::Gateway;
use crate::http::access::auth::{bearer, gateway};
use crate::http::access::identity_provider::{IssuedTokenError, Roles};
use crate::http::problem::Problem;
use crate::http::server::idempotency::{Identity, KeyedCaller};
use crate::ids::StaffId;

/// A role of staff: an entry of the claim that lists roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Propose adjustments and reversals, and post them within the limit.
    Adjust,
    /// Approve or reject what others proposed.
    Approve,
    /// Decide on referrals that are held.
    Decide,
    /// Read everything that staff may read.
    Read,
    /// Look after dead letters.
    Operate,
    /// Look after personal data: withdrawals, erasures, what is kept about a person, and who read it.
    Privacy,
    /// Announce what will fall due for customers, as the bank's own systems do.
    Announce,
    /// Look after customers: how far they have come, and what is to be done.
    Manage,
    /// Compare partners' statements, and propose what is to be done about breaks.
    Reconcile,
    /// Approve or reject what others proposed about breaks.
    Settle,
}

impl Role {
    pub const ALL: [Self; 10] = [
        Self::Adjust,
        Self::Approve,
        Self::Decide,
        Self::Read,
        Self::Operate,
        Self::Privacy,
        Self::Announce,
        Self::Manage,
        Self::Reconcile,
        Self::Settle,
    ];

    /// As the identity provider lists it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Adjust => "adjust",
            Self::Approve => "approve",
            Self::Decide => "decide",
            Self::Read => "read",
            Self::Operate => "operate",
            Self::Privacy => "privacy",
            Self::Announce => "announce",
            Self::Manage => "manage",
            Self::Reconcile => "reconcile",
            Self::Settle => "settle",
        }
    }
}

/// Ties a type to the roles that it stands for: one of them is enough.
pub trait NeedsRole: 'static {
    const ROLES: &'static [Role];
}

macro_rules! roles {
    ($($name:ident),*) => {
        $(
            #[doc = concat!("Needs the role `", stringify!($name), "`.")]
            pub struct $name;

            impl NeedsRole for $name {
                const ROLES: &'static [Role] = &[Role::$name];
            }
        )*
    };
}

/// Needs the role `Reconcile` or `Settle`: whoever decides reads what they decide on, and needs no role to
/// propose.
pub struct ReadBreaks;

impl NeedsRole for ReadBreaks {
    const ROLES: &'static [Role] = &[Role::Reconcile, Role::Settle];
}

roles!(Adjust, Approve, Decide, Read, Operate, Privacy, Announce, Manage, Reconcile, Settle);

/// A member of staff whose token is good and states the role.
pub struct Staff<R: NeedsRole> {
    pub id: StaffId,
    /// What the customers' identity provider calls the same person and their household, where the token
    /// says so.
    pub own_subjects: Vec<String>,
    role: PhantomData<R>,
}

impl<R: NeedsRole> FromRequest for Staff<R> {
    type Error = Problem;
    /// The identity provider may have to be asked for its keys.
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _body: &mut Payload) -> Self::Future {
        if let Some(known) = request.extensions_mut().remove::<Self>() {
            return Box::pin(ready(Ok(known)));
        }
        let request = request.clone();
        Box::pin(async move { Self::check(&request, gateway(&request)?).await })
    }
}

impl<R: NeedsRole> Staff<R> {
    async fn check(request: &HttpRequest, gateway: &Gateway) -> Result<Self, Problem> {
        let token = bearer(request)?;
        let Some(issuer) = &gateway.staff_issuer else {
            let detail = "This service is not set up for tokens of staff.";
            return Err(Problem::bad_token(&detail));
        };
        let now = clock::now();
        let vouched = issuer.read(token, now).await?;
        let person = vouched.person.ok_or(IssuedTokenError::Person)?;
        let id = StaffId::try_from(person).map_err(|error| Problem::bad_token(&error))?;
        let staff = Self { id, own_subjects: vouched.own_subjects, role: PhantomData };
        gateway.limit_person(request, &staff.name(), gateway.staff_rate, now)?;
        let names: Vec<&str> = R::ROLES.iter().map(|role| role.name()).collect();
        let needed = names.join(" or ");
        match vouched.roles {
            Roles::Listed(roles) if roles.iter().any(|it| names.contains(&it.as_str())) => {
                Ok(staff)
            }
            Roles::Listed(_others) => Err(Problem::role_missing(&needed)),
            Roles::NotListed => Err(Problem::no_roles(issuer.roles_claim(), &needed)),
        }
    }

    /// Unlike the name of any other caller.
    fn name(&self) -> String {
        format!("staff {}", self.id.as_str())
    }
}

impl<R: NeedsRole> KeyedCaller for Staff<R> {
    fn identity<'g>(&self, gateway: &'g Gateway) -> Identity<'g> {
        Identity { name: self.name(), books: &gateway.main }
    }
}
