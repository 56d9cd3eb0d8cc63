//! Which entries a settlement has: the statement is drawn up from them, and whoever asks for a line's
//! entries gets the same ones. And the other way round: in which statement an entry stands.

use chrono::TimeDelta;
use chrono_tz::Tz;
use serde::Serialize;
use utoipa::ToSchema;

use super::period::{Period, PeriodSpan};
use super::refusal::ReconcileRefusal;
use super::run_order::RunOrder;
use super::settled_entry::SettledEntry;
use super::settlement::{LineKey, OWED, When, statement_no};
use super::statement_lines::{KeptLine, KeptStatement};
use crate::clock::Moment;
use crate::ids::{EventId, EventKey, PartnerId, TransactionId};
use crate::ledger::{Account, AccountCode, TransactionKind};
use crate::money::{Amount, Asset};
use crate::store::settled_entries::{self as rows, AccountEntry, EntryRange};
use crate::store::settlements::Settlement;
use crate::store::{Db, settlements};

/// The entries of a month, as of its cut.
#[derive(Clone, Debug)]
pub struct SettledMonth {
    partner: PartnerId,
    month: PeriodSpan,
    cut_at: Moment,
    settled: Option<Settled>,
}

/// What the settlement before has settled.
#[derive(Clone, Copy, Debug)]
struct Settled {
    until: Moment,
    cut_at: Moment,
}

/// A place among the entries of some accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryPlace {
    pub account: AccountCode,
    /// The entry before.
    pub after: Option<(TransactionId, i64)>,
}

/// Some of the entries, and where the next ones begin.
#[derive(Debug, Default)]
pub struct EntriesPart {
    pub entries: Vec<SettledEntry>,
    pub next: Option<EntryPlace>,
}

/// An id is made shortly before its transaction is recorded, by a clock that is at most two days wrong, as
/// [`TransactionId::first_since`] allows for, which takes as much off again.
const MADE_WITHIN: TimeDelta = TimeDelta::days(4);

/// Rows that are read at once, and reads for one page.
const ROWS_AT_ONCE: i64 = 2_000;
const READS_MAX: usize = 10;

impl SettledMonth {
    /// `before` is the settlement of the month before, if there is one.
    #[must_use]
    pub fn new(order: &RunOrder, cut_at: Moment, before: Option<&Settlement>) -> Self {
        let settled = before.map(|before| Settled {
            until: before.period.span(order.zone).until,
            cut_at: before.cut_at,
        });
        let month = order.period.span(order.zone);
        Self { partner: order.partner.clone(), month, cut_at, settled }
    }

    /// Whether an entry that happened before the month's end belongs to the month, and not to one before it
    /// or after it.
    fn when(&self, entry: &AccountEntry) -> Option<When> {
        let is_settled = self.settled.is_some_and(|settled| {
            entry.effective_at < settled.until && entry.recorded_at <= settled.cut_at
        });
        if is_settled || entry.recorded_at > self.cut_at {
            return None;
        }
        Some(if entry.effective_at < self.month.from { When::Late } else { When::InMonth })
    }

    /// The entries of the accounts from a place on. One query of at most `rows_max` rows.
    ///
    /// # Errors
    /// The store's.
    pub fn part(
        &self,
        db: &mut Db,
        accounts: &[AccountCode],
        place: EntryPlace,
        rows_max: i64,
    ) -> Result<EntriesPart, ReconcileRefusal> {
        let account = Account::partner(place.account, &self.partner, Asset::CNY).id();
        let range = EntryRange {
            // What happened in months that are closed was recorded by their ends, or after their cuts.
            first: self.settled.map(|settled| TransactionId::first_since(settled.until)),
            end: TransactionId::first_since(self.cut_at.plus(MADE_WITHIN)),
            until: self.month.until,
        };
        let page = rows::page(db, account, range, place.after, rows_max)?;
        let is_last = i64::try_from(page.len()).unwrap_or(i64::MAX) < rows_max;
        let last = page.last().map(|last| (last.transaction, last.seq));
        let next = if is_last {
            let mut later = accounts.iter().skip_while(|code| **code != place.account).skip(1);
            later.next().map(|code| EntryPlace { account: *code, after: None })
        } else {
            Some(EntryPlace { after: last, ..place })
        };
        let entries = page.into_iter().filter_map(|entry| {
            Some(SettledEntry {
                account: place.account,
                kind: entry.kind,
                when: self.when(&entry)?,
                transaction: entry.transaction,
                seq: entry.seq,
                amount: Amount::from_minor(entry.minor, Asset::CNY),
                effective_at: entry.effective_at,
                recorded_at: entry.recorded_at,
            })
        });
        Ok(EntriesPart { entries: entries.collect(), next })
    }

    /// A page of the entries, or of one line's. It reads a bounded number of rows, so a page may have fewer
    /// entries than asked for, and others may follow all the same.
    ///
    /// # Errors
    /// The store's.
    pub fn page(
        &self,
        db: &mut Db,
        line: Option<LineKey>,
        from: Option<EntryPlace>,
        entries_max: usize,
    ) -> Result<EntriesPart, ReconcileRefusal> {
        let one = line.map(|line| [line.account]);
        let accounts: &[AccountCode] = one.as_ref().map_or(&OWED, |one| one);
        let begin = accounts.first().map(|account| EntryPlace { account: *account, after: None });
        let mut page = EntriesPart { entries: Vec::new(), next: from.or(begin) };
        for _ in 0..READS_MAX {
            let Some(place) = page.next else { break };
            let part = self.part(db, accounts, place, ROWS_AT_ONCE)?;
            let wanted = part.entries.into_iter().filter(|entry| {
                line.is_none_or(|line| line.kind == entry.kind && line.when == entry.when)
            });
            page.entries.extend(wanted);
            page.next = part.next;
            if page.entries.len() > entries_max {
                page.entries.truncate(entries_max);
                page.next = page.entries.last().map(|last| EntryPlace {
                    account: last.account,
                    after: Some((last.transaction, last.seq)),
                });
                break;
            }
        }
        Ok(page)
    }
}

/// An entry of a settlement with the partner's own event that brought it, if one did.
pub struct NamedEntry {
    pub entry: SettledEntry,
    pub event: Option<EventId>,
}

/// An entry as it is written: in answers, and in the lines of a signed file.
#[derive(Serialize, ToSchema)]
#[schema(as = SettlementEntry)]
pub struct StatedEntry {
    #[schema(value_type = String)]
    account: AccountCode,
    #[schema(value_type = String)]
    kind: TransactionKind,
    /// The entry happened before the month, and stands in no settlement before.
    late: bool,
    /// The partner's own event that brought the entry, where one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    event: Option<EventId>,
    /// The receipt of the transaction.
    receipt: TransactionId,
    /// The entry's place among the entries of the transaction.
    seq: i64,
    amount: Amount,
    effective_at: Moment,
    recorded_at: Moment,
}

impl From<NamedEntry> for StatedEntry {
    fn from(named: NamedEntry) -> Self {
        let NamedEntry { entry, event } = named;
        Self {
            account: entry.account,
            kind: entry.kind,
            late: entry.when == When::Late,
            event,
            receipt: entry.transaction,
            seq: entry.seq,
            amount: entry.amount,
            effective_at: entry.effective_at,
            recorded_at: entry.recorded_at,
        }
    }
}

/// Names the events of some entries.
///
/// # Errors
/// The store's.
pub fn name(
    db: &mut Db,
    partner: &PartnerId,
    entries: Vec<SettledEntry>,
) -> Result<Vec<NamedEntry>, ReconcileRefusal> {
    let mut ids: Vec<TransactionId> = entries.iter().map(|entry| entry.transaction).collect();
    ids.dedup();
    let events = rows::events_of(db, partner, &ids)?;
    let named = entries.into_iter().map(|entry| {
        let event = events.get(&entry.transaction).cloned();
        NamedEntry { entry, event }
    });
    Ok(named.collect())
}

/// The entries of a kept settlement.
///
/// # Errors
/// The store's.
pub fn of_settlement(
    db: &mut Db,
    settlement: &Settlement,
    zone: Tz,
) -> Result<SettledMonth, ReconcileRefusal> {
    let (partner, period) = (settlement.partner.clone(), settlement.period);
    let before = settlements::last_closed(db, &partner, Some(period))?;
    let order = RunOrder { partner, period, zone };
    Ok(SettledMonth::new(&order, settlement.cut_at, before.as_ref()))
}

/// A line of a kept settlement by its number, from 1.
///
/// # Errors
/// [`ReconcileRefusal::LineUnknown`].
pub fn line_of(settlement: &Settlement, number: u32) -> Result<KeptLine, ReconcileRefusal> {
    let kept: KeptStatement = serde_json::from_str(&settlement.content)?;
    let place = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
    let line = place.and_then(|place| kept.lines.into_iter().nth(place));
    line.ok_or(ReconcileRefusal::LineUnknown)
}

/// Where an entry stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TracedEntry {
    pub partner: PartnerId,
    pub account: AccountCode,
    pub amount: Amount,
    /// `None`: its month is not closed yet.
    pub statement: Option<EntryStatement>,
}

/// The closed statement that has an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryStatement {
    pub statement_no: String,
    pub period: Period,
    pub late: bool,
}

/// In which statements the entries of a transaction stand; of one partner, or of all.
///
/// # Errors
/// [`ReconcileRefusal::TransactionUnknown`].
pub fn trace(
    db: &mut Db,
    transaction: TransactionId,
    partner: Option<&PartnerId>,
    zone: Tz,
) -> Result<Vec<TracedEntry>, ReconcileRefusal> {
    let found = rows::of_transaction(db, transaction)?;
    let found = found.ok_or(ReconcileRefusal::TransactionUnknown)?;
    let settled = found.into_iter().filter(|entry| {
        let is_own = partner.is_none_or(|partner| *partner == entry.partner);
        is_own && entry.account.asset == Asset::CNY && OWED.contains(&entry.account.code)
    });
    let mut traced = Vec::new();
    for entry in settled {
        let happened_in = Period::of(entry.effective_at.day_in(zone));
        let month = rows::month_with(db, &entry.partner, happened_in, entry.recorded_at)?;
        let statement = month.map(|month| EntryStatement {
            statement_no: statement_no(&entry.partner, month.period, month.number),
            period: month.period,
            late: month.period > happened_in,
        });
        let (account, amount) = (entry.account.code, entry.amount);
        traced.push(TracedEntry { partner: entry.partner, account, amount, statement });
    }
    Ok(traced)
}

/// The same for one of a partner's own events.
///
/// # Errors
/// [`ReconcileRefusal::TransactionUnknown`].
pub fn trace_event(
    partner: &PartnerId,
    db: &mut Db,
    event: &EventId,
    zone: Tz,
) -> Result<Vec<TracedEntry>, ReconcileRefusal> {
    let key = EventKey::of(partner, event);
    let transaction = rows::transaction_of(db, key)?;
    let transaction = transaction.ok_or(ReconcileRefusal::TransactionUnknown)?;
    trace(db, transaction, Some(partner), zone)
}
