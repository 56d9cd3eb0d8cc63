//! Referrals: who introduced whom, for which product, and where that stands.

use diesel::prelude::*;

use super::schema::referrals;
use super::{Db, LedgerTx, StoreError, types};
use crate::clock::Moment;
use crate::ids::{ConsentId, CustomerId, EventKey, PartnerId, ReferralId};
use crate::money::Amount;
use crate::referral::State;

/// A referral without the person: whoever needs to know them opens the sealed data of its id.
pub struct ReferralRecord {
    pub id: ReferralId,
    pub event: EventKey,
    pub partner: PartnerId,
    pub customer: Option<CustomerId>,
    pub product: String,
    pub amount: Amount,
    pub region: String,
    pub state: State,
    /// Why it is in that state, each in a sentence.
    pub reasons: Vec<String>,
    pub consent: Option<ConsentId>,
    pub effective_at: Moment,
    pub recorded_at: Moment,
}

#[derive(Insertable)]
#[diesel(table_name = referrals, treat_none_as_default_value = false)]
struct Row<'a> {
    id: &'a [u8],
    event_id: &'a [u8],
    partner_id: &'a str,
    customer_id: Option<&'a [u8]>,
    product: &'a str,
    asset: &'static str,
    amount: i64,
    region: &'a str,
    state: &'static str,
    reasons: String,
    consent_id: Option<&'a [u8]>,
    effective_at: chrono::NaiveDateTime,
    recorded_at: chrono::NaiveDateTime,
}

#[derive(Queryable)]
struct Stored {
    id: Vec<u8>,
    event_id: Vec<u8>,
    partner_id: String,
    customer_id: Option<Vec<u8>>,
    product: String,
    asset: String,
    amount: i64,
    region: String,
    state: String,
    reasons: String,
    consent_id: Option<Vec<u8>>,
    effective_at: chrono::NaiveDateTime,
    recorded_at: chrono::NaiveDateTime,
}

impl<'a> From<&'a ReferralRecord> for Row<'a> {
    fn from(record: &'a ReferralRecord) -> Self {
        Self {
            id: record.id.bytes(),
            event_id: record.event.bytes(),
            partner_id: record.partner.as_str(),
            customer_id: record.customer.as_ref().map(|id| id.bytes().as_slice()),
            product: &record.product,
            asset: record.amount.asset().code(),
            amount: record.amount.minor(),
            region: &record.region,
            state: record.state.name(),
            reasons: serde_json::Value::from(record.reasons.clone()).to_string(),
            consent_id: record.consent.as_ref().map(|id| id.bytes().as_slice()),
            effective_at: record.effective_at.naive(),
            recorded_at: record.recorded_at.naive(),
        }
    }
}

impl TryFrom<Stored> for ReferralRecord {
    type Error = StoreError;

    fn try_from(stored: Stored) -> Result<Self, StoreError> {
        let customer = stored.customer_id.as_deref().map(|id| types::uuid(id, "customer_id"));
        let consent = stored.consent_id.as_deref().map(|id| types::uuid(id, "consent_id"));
        Ok(Self {
            id: ReferralId::from_uuid(types::uuid(&stored.id, "referrals.id")?),
            event: EventKey::from_bytes(types::bytes16(&stored.event_id, "referrals.event_id")?),
            partner: types::partner(&stored.partner_id)?,
            customer: customer.transpose()?.map(CustomerId::from_uuid),
            product: stored.product,
            amount: Amount::from_minor(stored.amount, types::asset(&stored.asset)?),
            region: stored.region,
            state: State::by_name(&stored.state).ok_or(StoreError::Corrupt("referrals.state"))?,
            reasons: serde_json::from_str(&stored.reasons)
                .map_err(|_not_a_list| StoreError::Corrupt("referrals.reasons"))?,
            consent: consent.transpose()?.map(ConsentId::from_uuid),
            effective_at: types::moment(stored.effective_at),
            recorded_at: types::moment(stored.recorded_at),
        })
    }
}

/// # Errors
/// [`StoreError`]; the database refuses a qualified referral without a consent.
pub fn insert(tx: &mut LedgerTx<'_>, list: &[ReferralRecord]) -> Result<(), StoreError> {
    for part in list.chunks(super::rows_max(13)) {
        let rows: Vec<Row<'_>> = part.iter().map(Row::from).collect();
        both!(tx.0, db => diesel::insert_into(referrals::table).values(&rows).execute(db))?;
    }
    Ok(())
}

/// # Errors
/// [`StoreError`].
pub fn set_state(tx: &mut LedgerTx<'_>, id: ReferralId, state: State) -> Result<(), StoreError> {
    diesel::update(referrals::table.filter(referrals::id.eq(id.bytes().as_slice())))
        .set(referrals::state.eq(state.name()))
        .execute(tx.0)?;
    Ok(())
}

/// One referral, whosever it is.
///
/// # Errors
/// [`StoreError`].
pub fn get(db: &mut Db, id: ReferralId) -> Result<Option<ReferralRecord>, StoreError> {
    let stored: Option<Stored> =
        referrals::table.filter(referrals::id.eq(id.bytes().as_slice())).first(db).optional()?;
    stored.map(ReferralRecord::try_from).transpose()
}

/// A partner's own referral; `None` when there is none of that id or it is another partner's.
///
/// # Errors
/// [`StoreError`].
pub fn of_partner(
    db: &mut Db,
    partner: &PartnerId,
    id: ReferralId,
) -> Result<Option<ReferralRecord>, StoreError> {
    Ok(get(db, id)?.filter(|referral| referral.partner == *partner))
}

/// How many referrals of each partner are in each state.
///
/// # Errors
/// [`StoreError`].
pub fn count_by_state(db: &mut Db) -> Result<Vec<(PartnerId, String, i64)>, StoreError> {
    let rows: Vec<(String, String, i64)> = referrals::table
        .group_by((referrals::partner_id, referrals::state))
        .select((referrals::partner_id, referrals::state, diesel::dsl::count_star()))
        .order((referrals::partner_id, referrals::state))
        .load(db)?;
    rows.into_iter()
        .map(|(partner, state, count)| Ok((types::partner(&partner)?, state, count)))
        .collect()
}
