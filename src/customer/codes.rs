//! One-time codes that customers show at a till to spend points: up to a number, perhaps at one
//! partner only.

use aws_lc_rs::rand;
use chrono::TimeDelta;
use serde::Serialize;
use utoipa::ToSchema;

use super::refusal::CustomerRefusal;
use crate::clock::{self, Moment};
use crate::ids::{CodeKey, CustomerId, MemberKey, PartnerId, RedemptionCode};
use crate::money::Amount;
use crate::partner::Registry;
use crate::store::codes::NewCode;
use crate::store::{Db, LedgerTx, StoreError, codes, customers};

/// How long a code is good for.
pub const GOOD_FOR: TimeDelta = TimeDelta::minutes(5);

/// Codes that a customer may have waiting at once.
const WAITING_MAX: i64 = 10;

/// Whose code it is to be.
#[derive(Clone, Debug)]
pub enum CodeOwner {
    /// The customer whom the bank's identity provider calls so.
    Subject(String),
    /// A partner's member.
    Member(MemberKey),
}

/// What a code is to be good for.
#[derive(Clone, Debug)]
pub struct CodeWish {
    points: Amount,
    partner: Option<PartnerId>,
}

/// A code that was made.
#[derive(Serialize, ToSchema)]
pub struct Code {
    pub code: RedemptionCode,
    pub expires_at: Moment,
    /// The most points that a till can hold with it.
    pub points: Amount,
    /// The only partner at which it is good.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub partner: Option<PartnerId>,
}

impl CodeWish {
    /// A code for at most that number of points. Where the customer names none, it is for as many as the
    /// programme allows such a code.
    ///
    /// # Errors
    /// [`CustomerRefusal::NoRedemption`] where points cannot be spent at the partner,
    /// [`CustomerRefusal::PointsBeyond`] for more points than an event may have.
    pub fn new(
        points: Option<Amount>,
        partner: Option<PartnerId>,
        registry: &Registry,
    ) -> Result<Self, CustomerRefusal> {
        let takes = |id: &PartnerId| registry.get(id).is_some_and(|partner| partner.redemption);
        if !partner.as_ref().is_none_or(takes) {
            return Err(CustomerRefusal::NoRedemption);
        }
        let programme = registry.programme();
        let points = points.unwrap_or(programme.codes.points_max);
        let most = programme.limits.points_max();
        if points.minor() > most.minor() {
            return Err(CustomerRefusal::PointsBeyond { most });
        }
        Ok(Self { points, partner })
    }
}

/// Makes a code that is good for [`GOOD_FOR`] from `now`, which may be a time of a partner on trial.
///
/// # Errors
/// [`CustomerRefusal::NotFound`] or [`CustomerRefusal::MemberUnknown`] when the owner is not known;
/// [`CustomerRefusal::TooManyCodes`] when ten codes are waiting;
/// [`CustomerRefusal::PointsNotNamed`] when the programme asks customers to name the points.
pub fn make(
    owner: &CodeOwner,
    db: &mut Db,
    wish: CodeWish,
    now: Moment,
) -> Result<Code, CustomerRefusal> {
    let CodeWish { points, partner } = wish;
    if points.minor() <= 0 {
        return Err(CustomerRefusal::PointsNotNamed);
    }
    let code = random_code()?;
    let (key, expires_at) = (CodeKey::of(&code), now.plus(GOOD_FOR));
    db.write(|tx| {
        let customer = find(tx, owner)?;
        customers::lock(tx, &[customer])?;
        // Codes of partners on trial go by other clocks; what is swept goes by ours.
        codes::sweep(tx, customer, clock::now())?;
        if codes::waiting(tx.db(), customer)? >= WAITING_MAX {
            return Err(CustomerRefusal::TooManyCodes { wait: GOOD_FOR });
        }
        let partner = partner.as_ref();
        codes::insert(tx, &NewCode { key, customer, expires_at, points, partner })?;
        Ok(())
    })?;
    Ok(Code { code, expires_at, points, partner })
}

/// How a code stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeStands {
    /// A till may use the code. `refusals` counts the holds that were refused.
    Waiting {
        refusals: u32,
    },
    Used,
    /// Tills were refused too often.
    Void,
    Over,
}

/// A customer's code as it stands now. A code that is forgotten is over.
#[derive(Clone, Copy, Debug)]
pub struct CodeState {
    pub stands: CodeStands,
    pub expires_at: Option<Moment>,
}

/// How the code of a key stands, for the customer of a subject.
///
/// # Errors
/// [`CustomerRefusal::NotFound`] for a subject that no customer has.
pub fn state(
    who: &str,
    db: &mut Db,
    key: CodeKey,
    now: Moment,
) -> Result<CodeState, CustomerRefusal> {
    let customer = customers::by_subject(db, who)?.ok_or(CustomerRefusal::NotFound)?;
    // Nobody is told whether a code of another exists.
    let found = codes::load(db, &[key])?.remove(&key).filter(|code| code.customer == customer);
    let Some(code) = found else {
        return Ok(CodeState { stands: CodeStands::Over, expires_at: None });
    };
    let stands = match code.refusals {
        _ if code.used => CodeStands::Used,
        _ if !code.is_open() => CodeStands::Void,
        _ if code.expires_at <= now => CodeStands::Over,
        refusals => CodeStands::Waiting { refusals },
    };
    Ok(CodeState { stands, expires_at: Some(code.expires_at) })
}

fn find(tx: &mut LedgerTx<'_>, owner: &CodeOwner) -> Result<CustomerId, CustomerRefusal> {
    match owner {
        CodeOwner::Subject(subject) => {
            customers::by_subject(tx.db(), subject)?.ok_or(CustomerRefusal::NotFound)
        }
        CodeOwner::Member(member) => {
            let found = customers::of_members(tx, &[*member])?;
            let customer = found.get(member).map(|standing| standing.id);
            customer.ok_or(CustomerRefusal::MemberUnknown)
        }
    }
}

/// Sixteen random digits. With a thousand codes good at once, one guess in ten million million hits.
fn random_code() -> Result<RedemptionCode, CustomerRefusal> {
    let mut bytes = [0_u8; 8];
    rand::fill(&mut bytes).map_err(|_unspecified| CustomerRefusal::NoRandomness)?;
    let number = u64::from_be_bytes(bytes).rem_euclid(10_u64.pow(16));
    RedemptionCode::try_from(format!("{number:016}"))
        .map_err(|_invalid| CustomerRefusal::Store(StoreError::Corrupt("codes.id")))
}
