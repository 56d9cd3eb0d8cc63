//! Finding the event or referral that somebody asks about.

use uuid::Uuid;

use crate::clock::Moment;
use crate::customer::personal::PersonalKeys;
use crate::customer::{DataReader, DataSubject, Reading};
use crate::ids::{
    CustomerId, EventId, EventKey, MemberRef, PartnerId, ReferralId, StaffId, TransactionId,
};
use crate::ledger::{Account, AccountCode};
use crate::money::{Amount, Asset};
use crate::store::event_search::{self, FoundEvent};
use crate::store::referrals::ReferralRecord;
use crate::store::seals::event_of_receipt;
use crate::store::{
    Db, StoreError, customers, one_transaction, personal, readings, referrals, transactions,
};

/// What a story is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoryId {
    Event(EventKey),
    Referral(ReferralId),
}

/// An event or a referral that fits the question.
pub struct Found {
    pub id: StoryId,
    pub partner: PartnerId,
    pub name: String,
    /// The event's type; `referral` for a referral.
    pub kind: String,
    pub amount: Amount,
    pub at: Moment,
}

/// The person whom staff ask about.
#[derive(Clone, Debug)]
pub enum PersonAsked {
    Member(PartnerId, MemberRef),
    /// In E.164.
    Phone(String),
}

/// Who asks about a person, when, and what for.
pub struct PersonReading {
    pub who: StaffId,
    /// Without personal data.
    pub purpose: String,
    pub at: Moment,
}

/// What is shown of one question.
const FOUND_MAX: i64 = 50;

/// Events and referrals of that id, order number or receipt, whichever partner's.
///
/// # Errors
/// The store's.
pub fn find(db: &mut Db, asked: &str, partners: &[PartnerId]) -> Result<Vec<Found>, StoreError> {
    let mut found = Vec::new();
    if let Ok(id) = Uuid::parse_str(asked) {
        if let Some(referral) = referrals::get(db, ReferralId::from_uuid(id))? {
            found.push(Found::of_referral(&referral));
        }
        if let Some(it) = one_transaction::read(db, TransactionId::from_uuid(id))?
            && let Some(key) = event_of_receipt(&it.receipt)
        {
            found.extend(event_search::one(db, key)?.map(Found::of_event));
        }
    }
    if let Ok(id) = EventId::try_from(asked) {
        let keys: Vec<EventKey> = partners.iter().map(|it| EventKey::of(it, &id)).collect();
        for event in event_search::these(db, &keys)? {
            found.push(Found::of_event(event));
        }
        if found.is_empty() {
            for key in keys {
                if let Some(first) = event_search::first_of_duplicate(db, key)? {
                    found.extend(event_search::one(db, first)?.map(Found::of_event));
                }
            }
        }
    }
    for event in event_search::of_order(db, asked, FOUND_MAX)? {
        let id = StoryId::Event(event.key);
        if found.iter().all(|it| it.id != id) {
            found.push(Found::of_event(event));
        }
    }
    Ok(found)
}

/// The newest events and referrals of a person. That somebody asked, and why, is recorded.
///
/// # Errors
/// The store's.
pub fn find_person(
    why: &PersonReading,
    db: &mut Db,
    asked: &PersonAsked,
    keys: &PersonalKeys,
) -> Result<Vec<Found>, StoreError> {
    let (reader, now) = (DataReader::Staff(why.who.clone()), why.at);
    let reading = Reading { reader, purpose: why.purpose.clone() };
    match asked {
        PersonAsked::Member(partner, member) => {
            let Some(id) = customers::by_member(db, partner, member)? else {
                nobody(why);
                return Ok(Vec::new());
            };
            db.write(|tx| readings::insert(tx, &reading, &[DataSubject::Customer(id)], now))?;
            of_customer(db, id)
        }
        PersonAsked::Phone(phone) => {
            let ids = personal::by_phone(db, &keys.phone_indexes(phone), FOUND_MAX)?;
            if ids.is_empty() {
                nobody(why);
            }
            let subjects: Vec<DataSubject> =
                ids.iter().map(|id| DataSubject::Referral(*id)).collect();
            db.write(|tx| readings::insert(tx, &reading, &subjects, now))?;
            let mut found = Vec::with_capacity(ids.len());
            for id in ids {
                found.extend(referrals::get(db, id)?.map(|it| Found::of_referral(&it)));
            }
            Ok(found)
        }
    }
}

/// There is nobody whom a reading could be recorded of. That somebody asked stands in the log, without the
/// purpose, which people type.
fn nobody(why: &PersonReading) {
    tracing::warn!(by = %why.who, "a search for a person found nobody");
}

fn of_customer(db: &mut Db, id: CustomerId) -> Result<Vec<Found>, StoreError> {
    let referred = referrals::about_customer(db, id)?;
    let mut found: Vec<Found> = referred.iter().map(Found::of_referral).collect();
    let mut keys: Vec<EventKey> = Vec::new();
    for code in [AccountCode::POINTS_PENDING, AccountCode::POINTS_AVAILABLE] {
        let account = Account::customer(code, id, Asset::PTS);
        for line in transactions::history(db, &account, None, FOUND_MAX)? {
            keys.extend(event_of_receipt(&line.receipt));
        }
    }
    keys.sort_unstable();
    keys.dedup();
    found.extend(event_search::these(db, &keys)?.into_iter().map(Found::of_event));
    found.sort_by_key(|it| std::cmp::Reverse(it.at));
    found.truncate(usize::try_from(FOUND_MAX).unwrap_or(usize::MAX));
    Ok(found)
}

impl Found {
    fn of_event(event: FoundEvent) -> Self {
        Self {
            id: StoryId::Event(event.key),
            partner: event.partner,
            name: event.id.as_str().to_owned(),
            kind: event.kind,
            amount: event.amount,
            at: event.effective_at,
        }
    }

    fn of_referral(referral: &ReferralRecord) -> Self {
        Self {
            id: StoryId::Referral(referral.id),
            partner: referral.partner.clone(),
            name: referral.id.to_string(),
            kind: "referral".to_owned(),
            amount: referral.amount,
            at: referral.effective_at,
        }
    }
}
