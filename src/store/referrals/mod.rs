//! Referrals: who introduced whom, for which product, and where that stands.

pub mod crm_feedback;
pub mod follow_ups;
pub mod referral_claims;
pub mod referral_confirmations;
pub mod referral_moves;
pub mod referral_rewards;
pub mod tasks;

use diesel::prelude::*;

use crate::clock::Moment;
use crate::ids::{ConsentId, CustomerId, EventKey, PartnerId, ReferralId, RuleId};
use crate::money::Amount;
use crate::referral::{Placement, ReferralState, Terms};
use crate::store::schema::referrals;
use crate::store::{Db, LedgerTx, StoreError, types};

/// A referral without the person: whoever needs to know them opens the sealed data of its id.
pub struct ReferralRecord {
    pub id: ReferralId,
    pub event: EventKey,
    pub partner: PartnerId,
    /// The customer whom the partner named as its member.
    pub customer: Option<CustomerId>,
    /// The customer who is the person, where the bank referred them by their own behaviour.
    pub person: Option<CustomerId>,
    pub product: String,
    pub amount: Amount,
    pub region: String,
    pub state: ReferralState,
    /// Why it is in that state, each in a sentence.
    pub reasons: Vec<String>,
    pub consent: Option<ConsentId>,
    pub effective_at: Moment,
    pub recorded_at: Moment,
    /// What is promised for it; none where nothing can come of it.
    pub terms: Option<Terms>,
    pub placement: Placement,
    /// When it expires if nothing comes of it.
    pub expires_at: Option<Moment>,
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
    person_id: Option<&'a [u8]>,
    #[diesel(embed)]
    lead: Lead,
}

/// What is known of a lead once it qualifies.
#[derive(Insertable, AsChangeset)]
#[diesel(table_name = referrals, treat_none_as_default_value = false, treat_none_as_null = true)]
struct Lead {
    terms: Option<String>,
    score: Option<i64>,
    next_step: Option<String>,
    branch_id: Option<String>,
    manager_id: Option<String>,
    expires_at: Option<chrono::NaiveDateTime>,
    why: Option<String>,
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
    terms: Option<String>,
    score: Option<i64>,
    next_step: Option<String>,
    branch_id: Option<String>,
    manager_id: Option<String>,
    expires_at: Option<chrono::NaiveDateTime>,
    why: Option<String>,
    person_id: Option<Vec<u8>>,
}

impl Lead {
    fn of(record: &ReferralRecord) -> Self {
        let Placement { score, why, next_step, branch, manager } = &record.placement;
        let terms = record.terms.as_ref();
        Self {
            terms: terms.map(|terms| serde_json::to_string(terms).unwrap_or_default()),
            score: terms.map(|_| *score),
            next_step: next_step.clone(),
            branch_id: branch.as_ref().map(ToString::to_string),
            manager_id: manager.as_ref().map(ToString::to_string),
            expires_at: record.expires_at.map(Moment::naive),
            why: terms.map(|_| serde_json::Value::from(why.clone()).to_string()),
        }
    }
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
            person_id: record.person.as_ref().map(|id| id.bytes().as_slice()),
            lead: Lead::of(record),
        }
    }
}

impl TryFrom<Stored> for ReferralRecord {
    type Error = StoreError;

    fn try_from(stored: Stored) -> Result<Self, StoreError> {
        let customer = stored.customer_id.as_deref().map(|id| types::uuid(id, "customer_id"));
        let person = stored.person_id.as_deref().map(|id| types::uuid(id, "person_id"));
        let consent = stored.consent_id.as_deref().map(|id| types::uuid(id, "consent_id"));
        let terms = stored.terms.as_deref().map(serde_json::from_str);
        Ok(Self {
            id: ReferralId::from_uuid(types::uuid(&stored.id, "referrals.id")?),
            event: EventKey::from_bytes(types::bytes16(&stored.event_id, "referrals.event_id")?),
            partner: types::partner(&stored.partner_id)?,
            customer: customer.transpose()?.map(CustomerId::from_uuid),
            person: person.transpose()?.map(CustomerId::from_uuid),
            product: stored.product,
            amount: Amount::from_minor(stored.amount, types::asset(&stored.asset)?),
            region: stored.region,
            state: ReferralState::by_name(&stored.state)
                .ok_or(StoreError::Corrupt("referrals.state"))?,
            reasons: serde_json::from_str(&stored.reasons)
                .map_err(|_not_a_list| StoreError::Corrupt("referrals.reasons"))?,
            consent: consent.transpose()?.map(ConsentId::from_uuid),
            effective_at: types::moment(stored.effective_at),
            recorded_at: types::moment(stored.recorded_at),
            terms: terms.transpose().map_err(|_other| StoreError::Corrupt("referrals.terms"))?,
            placement: Placement {
                score: stored.score.unwrap_or(0),
                why: serde_json::from_str(stored.why.as_deref().unwrap_or("[]"))
                    .map_err(|_not_a_list| StoreError::Corrupt("referrals.why"))?,
                next_step: stored.next_step,
                branch: rule(stored.branch_id, "referrals.branch_id")?,
                manager: rule(stored.manager_id, "referrals.manager_id")?,
            },
            expires_at: stored.expires_at.map(types::moment),
        })
    }
}

fn rule(id: Option<String>, column: &'static str) -> Result<Option<RuleId>, StoreError> {
    id.map(RuleId::try_from).transpose().map_err(|_invalid| StoreError::Corrupt(column))
}

/// # Errors
/// [`StoreError`]; the database refuses a qualified referral without a consent.
pub fn insert<'r>(
    tx: &mut LedgerTx<'_>,
    list: impl Iterator<Item = &'r ReferralRecord>,
) -> Result<(), StoreError> {
    let rows: Vec<Row<'_>> = list.map(Row::from).collect();
    for part in rows.chunks(crate::store::rows_max(21)) {
        both!(tx.0, db => diesel::insert_into(referrals::table).values(part).execute(db))?;
    }
    Ok(())
}

/// Holds a referral until the transaction ends, before any customer is held, and reads it.
pub fn lock(tx: &mut LedgerTx<'_>, id: ReferralId) -> Result<Option<ReferralRecord>, StoreError> {
    if let Db::Postgres(db) = &mut *tx.0 {
        referrals::table
            .filter(referrals::id.eq(id.bytes().as_slice()))
            .select(referrals::id)
            .for_no_key_update()
            .load::<Vec<u8>>(db)?;
    }
    get(tx.0, id)
}

/// Keeps what is known of a lead now that it is one. The referral must be locked.
pub fn place(tx: &mut LedgerTx<'_>, record: &ReferralRecord) -> Result<(), StoreError> {
    diesel::update(referrals::table.filter(referrals::id.eq(record.id.bytes().as_slice())))
        .set(Lead::of(record))
        .execute(tx.0)?;
    Ok(())
}

/// Up to `max` open referrals, of all partners or of one, that have passed their expiry.
pub fn expired(
    db: &mut Db,
    partner: Option<&PartnerId>,
    now: Moment,
    max: i64,
) -> Result<Vec<ReferralId>, StoreError> {
    let open = [ReferralState::Qualified, ReferralState::Sent, ReferralState::Contacted]
        .map(ReferralState::name);
    let rows: Vec<Vec<u8>> = both!(db, db => {
        let mut query = referrals::table
            .filter(referrals::state.eq_any(open))
            .filter(referrals::expires_at.le(now.naive()))
            .order(referrals::expires_at)
            .limit(max)
            .select(referrals::id)
            .into_boxed();
        if let Some(partner) = partner {
            query = query.filter(referrals::partner_id.eq(partner.as_str()));
        }
        query.load(db)
    })?;
    rows.iter().map(|id| types::uuid(id, "referrals.id").map(ReferralId::from_uuid)).collect()
}

/// Which of whose referrals to list.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only referrals of this partner.
    pub partner: Option<PartnerId>,
    /// In one state only.
    pub state: Option<ReferralState>,
    /// After this one.
    pub after: Option<ReferralId>,
}

/// Referrals, the oldest first.
pub fn page(
    db: &mut Db,
    filter: &Filter,
    rows_max: i64,
) -> Result<Vec<ReferralRecord>, StoreError> {
    let mut query = referrals::table.into_boxed();
    if let Some(partner) = &filter.partner {
        query = query.filter(referrals::partner_id.eq(partner.as_str()));
    }
    if let Some(state) = filter.state {
        query = query.filter(referrals::state.eq(state.name()));
    }
    if let Some(after) = &filter.after {
        query = query.filter(referrals::id.gt(after.bytes().as_slice()));
    }
    let rows: Vec<Stored> = query.order(referrals::id).limit(rows_max).load(db)?;
    rows.into_iter().map(ReferralRecord::try_from).collect()
}

/// One referral, whosever it is.
pub fn get(db: &mut Db, id: ReferralId) -> Result<Option<ReferralRecord>, StoreError> {
    let stored: Option<Stored> =
        referrals::table.filter(referrals::id.eq(id.bytes().as_slice())).first(db).optional()?;
    stored.map(ReferralRecord::try_from).transpose()
}

/// The referral that an event recorded, and its consent.
pub fn of_event(
    db: &mut Db,
    event: EventKey,
) -> Result<Option<(ReferralId, Option<ConsentId>)>, StoreError> {
    let found: Option<(Vec<u8>, Option<Vec<u8>>)> = referrals::table
        .filter(referrals::event_id.eq(event.bytes().as_slice()))
        .select((referrals::id, referrals::consent_id))
        .first(db)
        .optional()?;
    let Some((id, consent)) = found else { return Ok(None) };
    let consent =
        consent.as_deref().map(|id| types::uuid(id, "referrals.consent_id")).transpose()?;
    let id = ReferralId::from_uuid(types::uuid(&id, "referrals.id")?);
    Ok(Some((id, consent.map(ConsentId::from_uuid))))
}

/// A partner's own referral; `None` when there is none of that id or it is another partner's.
pub fn of_partner(
    db: &mut Db,
    partner: &PartnerId,
    id: ReferralId,
) -> Result<Option<ReferralRecord>, StoreError> {
    Ok(get(db, id)?.filter(|referral| referral.partner == *partner))
}

/// A customer's referrals, oldest first.
pub fn of_customer(db: &mut Db, customer: CustomerId) -> Result<Vec<ReferralRecord>, StoreError> {
    let rows: Vec<Stored> = referrals::table
        .filter(referrals::customer_id.eq(customer.bytes().as_slice()))
        .order(referrals::id)
        .load(db)?;
    rows.into_iter().map(ReferralRecord::try_from).collect()
}

/// The referrals in which a customer is named: as the partner's member, or as the person whom the
/// bank referred by their own behaviour. Oldest first.
pub fn about_customer(
    db: &mut Db,
    customer: CustomerId,
) -> Result<Vec<ReferralRecord>, StoreError> {
    let mut list = of_customer(db, customer)?;
    let rows: Vec<Stored> = referrals::table
        .filter(referrals::person_id.eq(customer.bytes().as_slice()))
        .order(referrals::id)
        .load(db)?;
    for stored in rows {
        let record = ReferralRecord::try_from(stored)?;
        if record.customer != Some(customer) {
            list.push(record);
        }
    }
    list.sort_unstable_by_key(|referral| referral.id);
    Ok(list)
}
