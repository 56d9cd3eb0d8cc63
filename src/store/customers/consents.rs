//! Consents of persons, each a consent receipt (PIPL, article 23), and their withdrawals.

use diesel::prelude::*;

use crate::clock::Moment;
use crate::customer::Author;
use crate::event::{ConsentGiven, Recipient};
use crate::ids::{ConsentId, CustomerId, PartnerId, ReferralId};
use crate::store::schema::{consents, referrals, withdrawals};
use crate::store::{Db, LedgerTx, StoreError, types};

/// A consent to be recorded.
pub struct NewConsent<'a> {
    pub id: ConsentId,
    pub partner: &'a PartnerId,
    /// The consent, completed from its registered text.
    pub given: ConsentGiven,
    pub recorded_at: Moment,
}

/// A stored consent.
pub struct ConsentRecord {
    pub id: ConsentId,
    pub partner: PartnerId,
    pub given: ConsentGiven,
    pub recorded_at: Moment,
    pub withdrawal: Option<Withdrawal>,
}

/// Who withdrew a consent, and when.
pub struct Withdrawal {
    /// `customer`, `partner`, `staff` or `program`.
    pub by_kind: String,
    pub by_whom: String,
    pub reason: Option<String>,
    pub withdrawn_at: Moment,
}

/// A consent and the referral or contact it was given for.
pub struct Consented {
    pub consent: ConsentRecord,
    pub referral: ReferralId,
    pub customer: Option<CustomerId>,
}

#[derive(Insertable, Queryable, Selectable)]
#[diesel(table_name = consents, treat_none_as_default_value = false)]
struct Row {
    id: Vec<u8>,
    partner_id: String,
    purpose: String,
    text_version: String,
    text_sha256: Vec<u8>,
    channel: String,
    evidence: String,
    given_at: chrono::NaiveDateTime,
    recorded_at: chrono::NaiveDateTime,
    withdrawn_at: Option<chrono::NaiveDateTime>,
    recipient: Option<String>,
    recipient_contact: Option<String>,
    method: Option<String>,
    kinds: Option<String>,
    language: Option<String>,
    separate: Option<bool>,
    collector: Option<String>,
}

#[derive(Insertable, Queryable, Selectable)]
#[diesel(table_name = withdrawals, treat_none_as_default_value = false)]
struct WithdrawalRow {
    id: Vec<u8>,
    by_kind: String,
    by_whom: String,
    reason: Option<String>,
    withdrawn_at: chrono::NaiveDateTime,
}

pub fn insert(tx: &mut LedgerTx<'_>, list: &[NewConsent<'_>]) -> Result<(), StoreError> {
    for part in list.chunks(crate::store::rows_max(17)) {
        let rows: Vec<Row> = part.iter().map(Row::of).collect();
        both!(tx.0, db => diesel::insert_into(consents::table).values(&rows).execute(db))?;
    }
    Ok(())
}

pub fn get(db: &mut Db, id: ConsentId) -> Result<Option<ConsentRecord>, StoreError> {
    let row: Option<(Row, Option<WithdrawalRow>)> = consents::table
        .left_join(withdrawals::table)
        .filter(consents::id.eq(id.bytes().as_slice()))
        .select((Row::as_select(), Option::<WithdrawalRow>::as_select()))
        .first(db)
        .optional()?;
    row.map(|(row, withdrawal)| row.read(withdrawal)).transpose()
}

/// The ids of a referral, its member's customer, and the customer whom it is about.
type ReferralOf = (Vec<u8>, Option<Vec<u8>>, Option<Vec<u8>>);

/// A consent with its referral.
pub fn consented(db: &mut Db, id: ConsentId) -> Result<Option<Consented>, StoreError> {
    let found: Option<ReferralOf> = referrals::table
        .filter(referrals::consent_id.eq(id.bytes().as_slice()))
        .select((referrals::id, referrals::customer_id, referrals::person_id))
        .first(db)
        .optional()?;
    let (Some((referral, member, person)), Some(consent)) = (found, get(db, id)?) else {
        return Ok(None);
    };
    let customer = member.or(person);
    let customer = customer.as_deref().map(|id| types::uuid(id, "referrals.customer_id"));
    Ok(Some(Consented {
        consent,
        referral: ReferralId::from_uuid(types::uuid(&referral, "referrals.id")?),
        customer: customer.transpose()?.map(CustomerId::from_uuid),
    }))
}

/// A customer's consents, newest first, before the last one of the page before.
pub fn of_customer(
    db: &mut Db,
    customer: CustomerId,
    before: Option<ConsentId>,
    rows_max: i64,
) -> Result<Vec<(ConsentRecord, ReferralId)>, StoreError> {
    let before = before.map_or_else(|| vec![u8::MAX; 16], |id| id.bytes().to_vec());
    let ids: Vec<(Option<Vec<u8>>, Vec<u8>)> = referrals::table
        .filter(
            referrals::customer_id
                .eq(customer.bytes().as_slice())
                .or(referrals::person_id.eq(customer.bytes().as_slice())),
        )
        .filter(referrals::consent_id.lt(&before))
        .order(referrals::consent_id.desc())
        .limit(rows_max)
        .select((referrals::consent_id, referrals::id))
        .load(db)?;
    let mut list = Vec::with_capacity(ids.len());
    for (consent, referral) in ids {
        let Some(consent) = consent else { continue };
        let id = ConsentId::from_uuid(types::uuid(&consent, "consent_id")?);
        let record = get(db, id)?.ok_or(StoreError::Corrupt("referrals.consent_id"))?;
        list.push((record, ReferralId::from_uuid(types::uuid(&referral, "referrals.id")?)));
    }
    Ok(list)
}

/// Records a withdrawal. `false`: the consent was withdrawn before.
pub fn withdraw(
    tx: &mut LedgerTx<'_>,
    id: ConsentId,
    by: &Author,
    reason: Option<&str>,
    now: Moment,
) -> Result<bool, StoreError> {
    let live = consents::table
        .filter(consents::id.eq(id.bytes().as_slice()))
        .filter(consents::withdrawn_at.is_null());
    let set = consents::withdrawn_at.eq(now.naive());
    if diesel::update(live).set(set).execute(tx.0)? == 0 {
        return Ok(false);
    }
    let row = WithdrawalRow {
        id: id.bytes().to_vec(),
        by_kind: by.kind().to_owned(),
        by_whom: by.name(),
        reason: reason.map(str::to_owned),
        withdrawn_at: now.naive(),
    };
    both!(tx.0, db => diesel::insert_into(withdrawals::table).values(&row).execute(db))?;
    Ok(true)
}

/// Clears evidence and collector of up to `rows_max` consents that were recorded before a moment. The
/// consent itself stays. Returns their number.
pub fn forget_evidence(
    tx: &mut LedgerTx<'_>,
    before: Moment,
    rows_max: i64,
) -> Result<usize, StoreError> {
    Ok(both!(tx.0, db => {
        let ids: Vec<Vec<u8>> = consents::table
            .filter(consents::recorded_at.lt(before.naive()))
            // Word by word as in the partial index, which a parameter would not match.
            .filter(diesel::dsl::sql::<diesel::sql_types::Bool>("consents.evidence <> ''"))
            .limit(rows_max)
            .select(consents::id)
            .load(db)?;
        diesel::update(consents::table.filter(consents::id.eq_any(&ids)))
            .set((consents::evidence.eq(""), consents::collector.eq(None::<String>)))
            .execute(db)
    })?)
}

impl Row {
    fn of(new: &NewConsent<'_>) -> Self {
        let given = &new.given;
        let recipient = given.recipient.as_ref();
        Self {
            id: new.id.bytes().to_vec(),
            partner_id: new.partner.to_string(),
            purpose: given.purpose.clone(),
            text_version: given.text_version.clone(),
            text_sha256: given.text_sha256.to_vec(),
            channel: given.channel.clone(),
            evidence: given.evidence.clone(),
            given_at: given.given_at.naive(),
            recorded_at: new.recorded_at.naive(),
            withdrawn_at: None,
            recipient: recipient.map(|it| it.name.clone()),
            recipient_contact: recipient.map(|it| it.contact.clone()),
            method: given.method.clone(),
            kinds: given.kinds.clone().map(|kinds| serde_json::Value::from(kinds).to_string()),
            language: given.language.clone(),
            separate: given.separate,
            collector: given.collector.clone(),
        }
    }

    fn read(self, withdrawal: Option<WithdrawalRow>) -> Result<ConsentRecord, StoreError> {
        let sha256 = self.text_sha256.try_into();
        let kinds = self.kinds.as_deref().map(serde_json::from_str).transpose();
        let recipient = self.recipient.zip(self.recipient_contact);
        Ok(ConsentRecord {
            id: ConsentId::from_uuid(types::uuid(&self.id, "consents.id")?),
            partner: types::partner(&self.partner_id)?,
            given: ConsentGiven {
                purpose: self.purpose,
                text_version: self.text_version,
                text_sha256: sha256
                    .map_err(|_length| StoreError::Corrupt("consents.text_sha256"))?,
                channel: self.channel,
                evidence: self.evidence,
                given_at: types::moment(self.given_at),
                recipient: recipient.map(|(name, contact)| Recipient { name, contact }),
                method: self.method,
                kinds: kinds.map_err(|_not_a_list| StoreError::Corrupt("consents.kinds"))?,
                language: self.language,
                separate: self.separate,
                collector: self.collector,
            },
            recorded_at: types::moment(self.recorded_at),
            withdrawal: withdrawal.map(|row| Withdrawal {
                by_kind: row.by_kind,
                by_whom: row.by_whom,
                reason: row.reason,
                withdrawn_at: types::moment(row.withdrawn_at),
            }),
        })
    }
}
