//! Announcements of the bank's systems that something falls due for a customer, and their notices.

use chrono::NaiveDate;
use diesel::dsl::{exists, not};
use diesel::prelude::*;

use crate::clock::Moment;
use crate::ids::{AnnouncementId, CustomerId, NoticeId, StaffId};
use crate::money::Amount;
use crate::partner::notice::NoticeKind;
use crate::store::outbox::{self, Destination};
use crate::store::schema::{
    announcement_notices, announcements, notice_opt_outs, outbox as messages,
};
use crate::store::{Db, LedgerTx, StoreError, types};

/// An announcement: something will fall due for a customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// The id that the bank's systems gave it.
    pub id: AnnouncementId,
    pub kind: String,
    pub customer: CustomerId,
    pub amount: Amount,
    pub due_on: NaiveDate,
    pub announced_by: StaffId,
    pub recorded_at: Moment,
    pub cancelled: Option<Cancelled>,
}

/// The cancellation of an announcement, for instance because the money was paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancelled {
    pub by: StaffId,
    pub because: String,
    pub at: Moment,
}

/// The result of announcing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    New(Announcement),
    /// The same was announced before.
    Same(Announcement),
    /// The id is taken by other content.
    Other,
}

/// A notice of an announcement, with the state of its message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeOf {
    pub days: i64,
    /// `waiting`, `delivered`, `dead` or `cancelled`.
    pub state: String,
    pub delivered_at: Option<Moment>,
}

type Stored = (
    String,
    String,
    Vec<u8>,
    String,
    i64,
    String,
    String,
    chrono::NaiveDateTime,
    Option<String>,
    Option<String>,
    Option<chrono::NaiveDateTime>,
);

/// Records an announcement, once.
pub fn insert(tx: &mut LedgerTx<'_>, new: &Announcement) -> Result<Recorded, StoreError> {
    let row = (
        announcements::id.eq(new.id.as_str()),
        announcements::kind.eq(&new.kind),
        announcements::customer_id.eq(new.customer.bytes().as_slice()),
        announcements::asset.eq(new.amount.asset().code()),
        announcements::amount.eq(new.amount.minor()),
        announcements::due_on.eq(new.due_on.to_string()),
        announcements::announced_by.eq(new.announced_by.as_str()),
        announcements::recorded_at.eq(new.recorded_at.naive()),
    );
    let inserted = both!(tx.0, db => diesel::insert_into(announcements::table)
        .values(&row)
        .on_conflict_do_nothing()
        .execute(db))?;
    if inserted == 1 {
        return Ok(Recorded::New(new.clone()));
    }
    let there = get(tx.0, &new.id)?.ok_or(StoreError::Corrupt("announcements.id"))?;
    let same = |it: &Announcement| (it.kind.clone(), it.customer, it.amount, it.due_on);
    Ok(if same(&there) == same(new) { Recorded::Same(there) } else { Recorded::Other })
}

/// Reads an announcement of any customer.
pub fn get(db: &mut Db, id: &AnnouncementId) -> Result<Option<Announcement>, StoreError> {
    let stored: Option<Stored> = announcements::table.find(id.as_str()).first(db).optional()?;
    stored.map(Announcement::try_from).transpose()
}

/// All announcements of a customer, by id.
pub fn of_customer(db: &mut Db, customer: CustomerId) -> Result<Vec<Announcement>, StoreError> {
    let rows: Vec<Stored> = announcements::table
        .filter(announcements::customer_id.eq(customer.bytes().as_slice()))
        .order(announcements::id)
        .load(db)?;
    rows.into_iter().map(Announcement::try_from).collect()
}

/// Cancels an announcement, and its notices that wait. `false`: it was cancelled before, or does not
/// exist.
pub fn cancel(
    tx: &mut LedgerTx<'_>,
    id: &AnnouncementId,
    cancelled: &Cancelled,
) -> Result<bool, StoreError> {
    let live = announcements::table
        .filter(announcements::id.eq(id.as_str()))
        .filter(announcements::cancelled_at.is_null());
    let changed = diesel::update(live)
        .set((
            announcements::cancelled_by.eq(cancelled.by.as_str()),
            announcements::cancelled_because.eq(&cancelled.because),
            announcements::cancelled_at.eq(cancelled.at.naive()),
        ))
        .execute(tx.0)?;
    if changed == 0 {
        return Ok(false);
    }
    for (notice, _days) in told(tx.0, id)? {
        outbox::cancel(tx, Destination::Notice, &notice, cancelled.at)?;
    }
    Ok(true)
}

/// Due dates that one notice covers.
#[derive(Clone, Copy, Debug)]
pub struct DueSpan {
    /// The last day that is not covered.
    pub after: NaiveDate,
    /// The last day that is covered.
    pub by: NaiveDate,
    /// How many days ahead, at most, the notice is sent.
    pub days: u32,
}

/// Announcements of a kind that fall due in a span and have no notice of it yet; at most `max`.
pub fn due(
    db: &mut Db,
    kind: &NoticeKind,
    span: &DueSpan,
    max: i64,
) -> Result<Vec<AnnouncementId>, StoreError> {
    let done = announcement_notices::table
        .filter(announcement_notices::announcement_id.eq(announcements::id))
        .filter(announcement_notices::days.eq(i64::from(span.days)));
    let unwanted = notice_opt_outs::table
        .filter(notice_opt_outs::customer_id.eq(announcements::customer_id))
        .filter(notice_opt_outs::kind.eq(announcements::kind));
    let mut query = announcements::table
        .filter(announcements::kind.eq(&kind.kind))
        .filter(announcements::cancelled_at.is_null())
        .filter(announcements::due_on.gt(span.after.to_string()))
        .filter(announcements::due_on.le(span.by.to_string()))
        .filter(not(exists(done)))
        .order((announcements::due_on, announcements::id))
        .limit(max)
        .select(announcements::id)
        .into_boxed();
    if !kind.required {
        query = query.filter(not(exists(unwanted)));
    }
    let rows: Vec<String> = query.load(db)?;
    rows.into_iter().map(read_id).collect()
}

/// Queues the notice of an announcement for a number of days ahead, once. `false`: it was queued
/// before, or the announcement is cancelled.
pub fn announce(
    tx: &mut LedgerTx<'_>,
    id: &AnnouncementId,
    days: u32,
    now: Moment,
) -> Result<bool, StoreError> {
    // A cancellation at this moment waits for this transaction, and then finds the message.
    if let Db::Postgres(db) = &mut *tx.0 {
        announcements::table
            .find(id.as_str())
            .select(announcements::id)
            .for_no_key_update()
            .load::<String>(db)?;
    }
    let Some(announcement) = get(tx.0, id)?.filter(|it| it.cancelled.is_none()) else {
        return Ok(false);
    };
    let notice = NoticeId::of_name(&["announcement", id.as_str(), &days.to_string()]);
    let row = (
        announcement_notices::id.eq(notice.bytes().as_slice()),
        announcement_notices::announcement_id.eq(id.as_str()),
        announcement_notices::days.eq(i64::from(days)),
        announcement_notices::recorded_at.eq(now.naive()),
    );
    let inserted = both!(tx.0, db => diesel::insert_into(announcement_notices::table)
        .values(&row)
        .on_conflict_do_nothing()
        .execute(db))?;
    if inserted == 0 {
        return Ok(false);
    }
    outbox::notice_due(tx, notice, announcement.customer, now)?;
    Ok(true)
}

/// The announcement of a notice, and the days ahead of the notice.
pub fn of_notice(
    db: &mut Db,
    notice: &[u8; 16],
) -> Result<Option<(Announcement, i64)>, StoreError> {
    let found: Option<(String, i64)> = announcement_notices::table
        .find(notice.as_slice())
        .select((announcement_notices::announcement_id, announcement_notices::days))
        .first(db)
        .optional()?;
    let Some((id, days)) = found else { return Ok(None) };
    Ok(get(db, &read_id(id)?)?.map(|announcement| (announcement, days)))
}

/// The notices of an announcement, earliest first, each with the state of its message.
pub fn notices(db: &mut Db, id: &AnnouncementId) -> Result<Vec<NoticeOf>, StoreError> {
    let mut list = Vec::new();
    for (notice, days) in told(db, id)? {
        let message: Option<(String, Option<chrono::NaiveDateTime>)> = messages::table
            .filter(messages::destination.eq(Destination::Notice.to_string()))
            .filter(messages::subject.eq(notice.as_slice()))
            .select((messages::state, messages::delivered_at))
            .first(db)
            .optional()?;
        let (state, delivered_at) = message.ok_or(StoreError::Corrupt("outbox.subject"))?;
        list.push(NoticeOf { days, state, delivered_at: delivered_at.map(types::moment) });
    }
    Ok(list)
}

/// Cancels the waiting notices of a kind for a customer.
pub fn hush(
    tx: &mut LedgerTx<'_>,
    customer: CustomerId,
    kind: &str,
    now: Moment,
) -> Result<(), StoreError> {
    for it in of_customer(tx.0, customer)?.into_iter().filter(|it| it.kind == kind) {
        for (notice, _days) in told(tx.0, &it.id)? {
            outbox::cancel(tx, Destination::Notice, &notice, now)?;
        }
    }
    Ok(())
}

fn told(db: &mut Db, id: &AnnouncementId) -> Result<Vec<([u8; 16], i64)>, StoreError> {
    let rows: Vec<(Vec<u8>, i64)> = announcement_notices::table
        .filter(announcement_notices::announcement_id.eq(id.as_str()))
        .order(announcement_notices::days.desc())
        .select((announcement_notices::id, announcement_notices::days))
        .load(db)?;
    rows.into_iter()
        .map(|(id, days)| Ok((types::bytes16(&id, "announcement_notices.id")?, days)))
        .collect()
}

fn read_id(id: String) -> Result<AnnouncementId, StoreError> {
    AnnouncementId::try_from(id).map_err(|_invalid| StoreError::Corrupt("announcements.id"))
}

impl TryFrom<Stored> for Announcement {
    type Error = StoreError;

    fn try_from(stored: Stored) -> Result<Self, StoreError> {
        let (id, kind, customer, asset, amount, due_on, by, recorded_at, gone_by, why, gone_at) =
            stored;
        let staff = |id: String| {
            StaffId::try_from(id).map_err(|_invalid| StoreError::Corrupt("announcements.by"))
        };
        let cancelled = match (gone_by, why, gone_at) {
            (Some(by), Some(because), Some(at)) => {
                Some(Cancelled { by: staff(by)?, because, at: types::moment(at) })
            }
            _ => None,
        };
        let customer = types::uuid(&customer, "announcements.customer_id")?;
        Ok(Self {
            id: read_id(id)?,
            kind,
            customer: CustomerId::from_uuid(customer),
            amount: Amount::from_minor(amount, types::asset(&asset)?),
            due_on: due_on
                .parse()
                .map_err(|_invalid| StoreError::Corrupt("announcements.due_on"))?,
            announced_by: staff(by)?,
            recorded_at: types::moment(recorded_at),
            cancelled,
        })
    }
}

diesel::allow_tables_to_appear_in_same_query!(announcements, announcement_notices, notice_opt_outs,);
