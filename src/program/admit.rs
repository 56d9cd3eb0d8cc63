use chrono::TimeDelta;

use super::decision::{Occasion, Refusal};
use super::standing::Standings;
use crate::clock::Moment;
use crate::event::{Event, EventData};
use crate::ids::RuleId;
use crate::partner::Partner;
use crate::partner::lifecycle::Taken;
use crate::partner::scheme::Product;

/// How far a partner's clock may run ahead of ours.
const SKEW_MAX: TimeDelta = TimeDelta::minutes(5);

/// Whether an event may be taken from this partner at this time.
///
/// # Errors
/// [`Refusal`] with the reason.
pub fn admit(event: &Event, partner: &Partner, occasion: Occasion) -> Result<(), Refusal> {
    partner.takes(needed(&event.data), occasion.today).map_err(Refusal::Unlisted)?;
    if occasion.effective_at > occasion.recorded_at.plus(SKEW_MAX) {
        return Err(Refusal::Future { skew_seconds: SKEW_MAX.num_seconds() });
    }
    match &event.data {
        EventData::Referral(referral) => offered(partner, &referral.product, occasion).map(|_| ()),
        // What is held already may be settled, whatever was agreed since.
        EventData::Hold(_) if !partner.redemption => Err(Refusal::RedemptionNotAgreed),
        EventData::Hold(_)
        | EventData::Payment(_)
        | EventData::Refund(_)
        | EventData::Commit(_)
        | EventData::Cancel(_)
        | EventData::Return(_) => Ok(()),
    }
}

/// Whether the partner's cap on events of a business day, if it has one, leaves room for another.
pub fn within_day(
    partner: &Partner,
    standings: &Standings,
    occasion: Occasion,
) -> Result<(), Refusal> {
    let (Some(max), Some(recorded)) =
        (partner.access.events_per_day, standings.recorded_today().get(&partner.id))
    else {
        return Ok(());
    };
    if *recorded < i64::from(max.get()) {
        return Ok(());
    }
    let tomorrow = occasion.today.succ_opt().unwrap_or(occasion.today);
    let wait = Moment::start_of(tomorrow, occasion.zone).utc() - occasion.recorded_at.utc();
    let resumes_in_seconds = u64::try_from(wait.num_seconds()).unwrap_or(0).saturating_add(1);
    Err(Refusal::DayFull { max: max.get(), resumes_in_seconds })
}

/// What a partner must be let do to say it.
const fn needed(said: &EventData) -> Taken {
    match said {
        EventData::Payment(_) | EventData::Referral(_) | EventData::Hold(_) => Taken::All,
        EventData::Refund(_)
        | EventData::Commit(_)
        | EventData::Cancel(_)
        | EventData::Return(_) => Taken::Endings,
    }
}

/// The product, if the partner may offer it on the day of the event and still today.
pub fn offered<'a>(
    partner: &'a Partner,
    product: &RuleId,
    occasion: Occasion,
) -> Result<&'a Product, Refusal> {
    let not_offered = || Refusal::ProductNotOffered(product.clone());
    partner.scheme.product_on(product, occasion.today).ok_or_else(not_offered)?;
    partner.scheme.product_on(product, occasion.day).ok_or_else(not_offered)
}
