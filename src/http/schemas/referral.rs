//! How a referral is asked for and shown, for partners and for staff alike.

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::books::Books;
use crate::clock::Moment;
use crate::http::problem::Problem;
use crate::http::schemas::bodies::Receipt;
use crate::http::server::page::Place;
use crate::ids::{ConsentId, ReferralId, TransactionId};
use crate::money::{Amount, Asset};
use crate::store::held_events::HeldEvent;
use crate::store::referral_moves::MoveRecord;
use crate::store::referral_rewards::CommissionRecord;
use crate::store::referrals::{self, Filter, ReferralRecord};

/// A referral as its partner sees it, without what the bank found.
#[derive(Serialize, ToSchema)]
#[schema(as = ReferralState)]
pub(in crate::http) struct ReferralView<'a> {
    referral: ReferralId,
    product: &'a str,
    currency: Asset,
    amount: Amount,
    region: &'a str,
    state: &'static str,
    /// Why it qualified, or did not.
    reasons: &'a [String],
    /// Its consent, by which it can be read and withdrawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    consent: Option<ConsentId>,
    effective_at: Moment,
    recorded_at: Moment,
    /// How the referral came to this state.
    #[serde(skip_serializing_if = "Option::is_none")]
    history: Option<Vec<Passed<'a>>>,
    /// What the partner was or is to be given for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    commissions: Option<Vec<Commission<'a>>>,
    /// What a conversion would have brought and the bank has held, or had.
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<Vec<HeldReward<'a>>>,
}

/// A state that a referral came to.
#[derive(Serialize, ToSchema)]
#[schema(as = ReferralMove)]
struct Passed<'a> {
    state: &'static str,
    /// Who moved it: `partner`, `customer`, `staff`, `crm` or `program`.
    by: &'a str,
    /// Why; of a decline only `not_proceeding`.
    reason: &'a str,
    moved_at: Moment,
}

#[derive(Serialize, ToSchema)]
struct Commission<'a> {
    currency: Asset,
    amount: Amount,
    /// `pending` until it may be paid, `given`, or `clawed_back`.
    state: &'a str,
    /// When it may be paid, where it is under reservation first.
    #[serde(skip_serializing_if = "Option::is_none")]
    matures_at: Option<Moment>,
    rule: &'a str,
    transaction: TransactionId,
}

/// A reward that the bank holds, or held.
#[derive(Serialize, ToSchema)]
struct HeldReward<'a> {
    /// `reward.converted` or `reward.first_repayment`.
    #[serde(rename = "type")]
    kind: &'a str,
    /// `open`, `released` or `rejected`.
    state: &'static str,
    held_at: Moment,
    /// Why it is held, in words.
    #[schema(value_type = Receipt)]
    receipt: &'a RawValue,
}

/// What a referral brought, and what of it is held.
#[derive(Clone, Copy)]
pub(in crate::http) struct Rewards<'a> {
    pub given: &'a [CommissionRecord],
    pub held: &'a [HeldEvent],
}

impl<'a> ReferralView<'a> {
    /// A referral with its history and its commissions.
    pub(in crate::http) fn whole(
        record: &'a ReferralRecord,
        moves: &'a [MoveRecord],
        rewards: Rewards<'a>,
    ) -> Result<Self, Problem> {
        let held: Result<Vec<_>, _> = rewards.held.iter().map(HeldReward::try_from).collect();
        let held = held?;
        Ok(Self {
            history: Some(moves.iter().map(Passed::from).collect()),
            commissions: Some(rewards.given.iter().map(Commission::from).collect()),
            held: (!held.is_empty()).then_some(held),
            ..Self::from(record)
        })
    }
}

/// A page, and where the next one begins.
pub(in crate::http) async fn read_page(
    books: &Books,
    mut filter: Filter,
    place: Place<ReferralId>,
) -> Result<(Vec<ReferralRecord>, Option<String>), Problem> {
    filter.after = place.after;
    let rows_max = place.rows_max();
    let mut found = books.ask(move |db| referrals::page(db, &filter, rows_max)).await?;
    let next = place.cut(&mut found, |last| last.id.to_string());
    Ok((found, next))
}

/// Reads which page is asked for.
pub(in crate::http) fn read_place(
    limit: Option<u16>,
    cursor: Option<&str>,
) -> Result<Place<ReferralId>, Problem> {
    Place::read(limit, cursor, |text| ReferralId::try_from(text).ok())
}

pub(in crate::http) fn read_id(id: &str) -> Result<ReferralId, Problem> {
    let id = Uuid::parse_str(id).map_err(|_invalid| Problem::not_found())?;
    Ok(ReferralId::from_uuid(id))
}

impl<'a> From<&'a ReferralRecord> for ReferralView<'a> {
    fn from(record: &'a ReferralRecord) -> Self {
        Self {
            referral: record.id,
            product: &record.product,
            currency: record.amount.asset(),
            amount: record.amount,
            region: &record.region,
            state: record.state.name(),
            reasons: &record.reasons,
            consent: record.consent,
            effective_at: record.effective_at,
            recorded_at: record.recorded_at,
            history: None,
            commissions: None,
            held: None,
        }
    }
}

impl<'a> From<&'a MoveRecord> for Passed<'a> {
    fn from(record: &'a MoveRecord) -> Self {
        Self {
            state: record.state.name(),
            by: &record.actor_kind,
            reason: &record.reason,
            moved_at: record.moved_at,
        }
    }
}

impl<'a> From<&'a CommissionRecord> for Commission<'a> {
    fn from(record: &'a CommissionRecord) -> Self {
        Self {
            currency: record.amount.asset(),
            amount: record.amount,
            state: &record.state,
            matures_at: record.matures_at,
            rule: &record.rule,
            transaction: record.transaction,
        }
    }
}

impl<'a> TryFrom<&'a HeldEvent> for HeldReward<'a> {
    type Error = Problem;

    fn try_from(held: &'a HeldEvent) -> Result<Self, Problem> {
        let receipt = serde_json::from_str(&held.receipt)
            .map_err(|error| Problem::internal(error.to_string()))?;
        let (kind, state, held_at) = (held.kind.as_str(), held.state.name(), held.recorded_at);
        Ok(Self { kind, state, held_at, receipt })
    }
}
