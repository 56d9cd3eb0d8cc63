//! Notices to customers of what is about to happen, and the kinds that a customer opted out of.

use diesel::prelude::*;

use crate::clock::Moment;
use crate::ids::{AnnouncementId, CustomerId, NoticeId, PartnerId, TransactionId};
use crate::money::{Amount, Asset};
use crate::store::announcements;
use crate::store::outbox::{self, Destination};
use crate::store::schema::{customers, notice_opt_outs, notices};
use crate::store::{Db, LedgerTx, StoreError, types};

/// A notice to be queued.
#[derive(Clone, Debug)]
pub struct NewNotice {
    pub customer: CustomerId,
    pub kind: &'static str,
    /// The day on which it happens.
    pub object: String,
    /// The most days ahead of the event.
    pub days: i64,
    pub points: Amount,
}

/// Points that a customer redeemed at a partner, or is asked to confirm.
#[derive(Clone, Copy, Debug)]
pub struct Redemption<'a> {
    /// The kind of the notice.
    pub kind: &'static str,
    pub customer: CustomerId,
    pub partner: &'a PartnerId,
    pub transaction: TransactionId,
    pub points: Amount,
    /// The business day on which it was recorded.
    pub day: chrono::NaiveDate,
}

/// A notice to be sent, with the customer's subject at the bank's identity provider.
#[derive(Clone, Debug)]
pub struct Notice {
    pub subject: String,
    pub kind: String,
    /// The day on which it happens.
    pub date: String,
    pub days: i64,
    /// The points that expire, or the money that is due.
    pub amount: Amount,
    /// The id of the announcement, where the notice is of one.
    pub announcement: Option<AnnouncementId>,
    /// Where points were redeemed, where the notice is of that.
    pub partner: Option<PartnerId>,
}

#[derive(Insertable)]
#[diesel(table_name = notices, treat_none_as_default_value = false)]
struct Row<'a> {
    id: &'a [u8],
    customer_id: &'a [u8],
    kind: &'a str,
    object: &'a str,
    days: i64,
    points: i64,
    recorded_at: chrono::NaiveDateTime,
    partner_id: Option<&'a str>,
}

/// Queues a notice once. `false`: it was queued before, or the customer opted out.
pub fn announce(tx: &mut LedgerTx<'_>, new: &NewNotice, now: Moment) -> Result<bool, StoreError> {
    if wants_none(tx, new.customer, new.kind)? {
        return Ok(false);
    }
    let (customer, days) = (new.customer.to_string(), new.days.to_string());
    let id = NoticeId::of_name(&["notice", &customer, new.kind, &new.object, &days]);
    let row = Row {
        id: id.bytes(),
        customer_id: new.customer.bytes(),
        kind: new.kind,
        object: &new.object,
        days: new.days,
        points: new.points.minor(),
        recorded_at: now.naive(),
        partner_id: None,
    };
    queue(tx, &row, id, new.customer, now)
}

/// Queues the notice that points were redeemed or are to be, in the transaction of that. `false`: the
/// bank does not know the customer, or the customer opted out.
pub fn redeemed(
    tx: &mut LedgerTx<'_>,
    redemption: &Redemption<'_>,
    now: Moment,
) -> Result<bool, StoreError> {
    let Redemption { kind, customer, partner, transaction, points, day } = *redemption;
    let is_known = crate::store::customers::subject(tx.db(), customer)?.is_some();
    if points.minor() <= 0 || !is_known || wants_none(tx, customer, kind)? {
        return Ok(false);
    }
    let id = NoticeId::of_name(&["notice", kind, &transaction.to_string()]);
    let row = Row {
        id: id.bytes(),
        customer_id: customer.bytes(),
        kind,
        object: &day.to_string(),
        days: 1,
        points: points.minor(),
        recorded_at: now.naive(),
        partner_id: Some(partner.as_str()),
    };
    queue(tx, &row, id, customer, now)
}

fn wants_none(tx: &mut LedgerTx<'_>, customer: CustomerId, kind: &str) -> Result<bool, StoreError> {
    let opt_outs: i64 = notice_opt_outs::table
        .filter(notice_opt_outs::customer_id.eq(customer.bytes().as_slice()))
        .filter(notice_opt_outs::kind.eq(kind))
        .count()
        .get_result(tx.0)?;
    Ok(opt_outs > 0)
}

/// Stores a notice and queues its message, once.
fn queue(
    tx: &mut LedgerTx<'_>,
    row: &Row<'_>,
    id: NoticeId,
    customer: CustomerId,
    now: Moment,
) -> Result<bool, StoreError> {
    let inserted = both!(tx.0, db => diesel::insert_into(notices::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(db))?;
    if inserted == 0 {
        return Ok(false);
    }
    outbox::notice_due(tx, id, customer, now)?;
    Ok(true)
}

/// A notice with its customer. `None`: the bank does not know the customer, or the announcement is
/// cancelled.
pub fn get(db: &mut Db, id: &[u8; 16]) -> Result<Option<Notice>, StoreError> {
    type Stored = (Option<String>, String, String, i64, i64, Option<String>);
    let stored: Option<Stored> = both!(db, db => notices::table
        .inner_join(customers::table.on(customers::id.eq(notices::customer_id)))
        .filter(notices::id.eq(id.as_slice()))
        .select((
            customers::bank_subject,
            notices::kind,
            notices::object,
            notices::days,
            notices::points,
            notices::partner_id,
        ))
        .first(db)
        .optional())?;
    if let Some((subject, kind, date, days, points, partner)) = stored {
        let amount = Amount::from_minor(points, Asset::PTS);
        let partner = partner.map(|partner| types::partner(&partner)).transpose()?;
        let announcement = None;
        let notice = |subject| Notice { subject, kind, date, days, amount, announcement, partner };
        return Ok(subject.map(notice));
    }
    let Some((it, days)) = announcements::of_notice(db, id)? else { return Ok(None) };
    let subject = crate::store::customers::subject(db, it.customer)?;
    Ok(subject.filter(|_| it.cancelled.is_none()).map(|subject| Notice {
        subject,
        kind: it.kind,
        date: it.due_on.to_string(),
        days,
        amount: it.amount,
        announcement: Some(it.id),
        partner: None,
    }))
}

/// Deletes a customer's opt-out from a kind of notices.
pub fn accept(tx: &mut LedgerTx<'_>, customer: CustomerId, kind: &str) -> Result<(), StoreError> {
    let own = notice_opt_outs::table
        .filter(notice_opt_outs::customer_id.eq(customer.bytes().as_slice()))
        .filter(notice_opt_outs::kind.eq(kind));
    diesel::delete(own).execute(tx.0)?;
    Ok(())
}

/// Records a customer's opt-out from a kind of notices and cancels those that wait.
pub fn decline(
    tx: &mut LedgerTx<'_>,
    customer: CustomerId,
    kind: &str,
    now: Moment,
) -> Result<(), StoreError> {
    let row = (
        notice_opt_outs::customer_id.eq(customer.bytes().as_slice()),
        notice_opt_outs::kind.eq(kind),
        notice_opt_outs::since.eq(now.naive()),
    );
    both!(tx.0, db => diesel::insert_into(notice_opt_outs::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(db))?;
    let told: Vec<Vec<u8>> = notices::table
        .filter(notices::customer_id.eq(customer.bytes().as_slice()))
        .filter(notices::kind.eq(kind))
        .order(notices::recorded_at.desc())
        .limit(100)
        .select(notices::id)
        .load(tx.0)?;
    for id in told {
        let id = types::bytes16(&id, "notices.id")?;
        outbox::cancel(tx, Destination::Notice, &id, now)?;
    }
    announcements::hush(tx, customer, kind, now)
}

/// The kinds of notices that a customer opted out of.
pub fn unwanted(db: &mut Db, customer: CustomerId) -> Result<Vec<String>, StoreError> {
    Ok(notice_opt_outs::table
        .filter(notice_opt_outs::customer_id.eq(customer.bytes().as_slice()))
        .select(notice_opt_outs::kind)
        .load(db)?)
}

diesel::allow_tables_to_appear_in_same_query!(notices, customers);
