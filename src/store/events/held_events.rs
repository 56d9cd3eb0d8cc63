//! Events that bring nothing until staff release or reject them.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::Bool;

use crate::clock::Moment;
use crate::event::{Payment, Refund};
use crate::ids::{EventKey, PartnerId, TransactionId};
use crate::store::schema::{events, held_events, released_events, transactions};
use crate::store::{Db, LedgerTx, StoreError, types};

/// Where a held event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeldState {
    Open,
    Released,
    Rejected,
}

/// An event to be held.
pub struct NewHeld<'a> {
    pub event: EventKey,
    pub partner: &'a PartnerId,
    pub kind: &'static str,
    /// The hold whose price is held.
    pub hold: Option<EventKey>,
    pub rule: &'a str,
    /// The figure with the event and its limit, where a limit holds it.
    pub figures: Option<[String; 2]>,
}

/// A held event, with its receipt.
#[derive(Clone, Debug)]
pub struct HeldEvent {
    pub event: EventKey,
    pub partner: PartnerId,
    pub kind: String,
    pub hold: Option<EventKey>,
    pub rule: String,
    pub figure: Option<String>,
    pub limit: Option<String>,
    pub recorded_at: Moment,
    pub state: HeldState,
    pub decided: Option<Decided>,
    /// Who would release it, where a second person must too.
    pub proposed: Option<Decided>,
    /// What the partner was answered.
    pub receipt: String,
}

/// What staff made of a held event.
#[derive(Clone, Debug)]
pub struct Decided {
    pub by: String,
    pub because: String,
    pub at: Moment,
}

/// Which held events a page has.
#[derive(Clone, Debug)]
pub struct HeldFilter {
    pub state: HeldState,
    pub partner: Option<PartnerId>,
    pub after: Option<(Moment, EventKey)>,
}

/// What waits for staff by one rule at one partner.
#[derive(Clone, Debug)]
pub struct Waiting {
    pub partner: String,
    pub rule: String,
    pub events: i64,
    pub since: Moment,
    /// The figure and the limit of the latest.
    pub figure: Option<String>,
    pub limit: Option<String>,
}

impl HeldState {
    pub const ALL: [Self; 3] = [Self::Open, Self::Released, Self::Rejected];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Released => "released",
            Self::Rejected => "rejected",
        }
    }

    /// The state of that name; `None` when there is none.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

#[derive(Insertable)]
#[diesel(table_name = held_events, treat_none_as_default_value = false)]
struct Row<'a> {
    event_id: &'a [u8],
    partner_id: &'a str,
    kind: &'a str,
    hold_id: Option<&'a [u8]>,
    rule: &'a str,
    figure: Option<&'a str>,
    limit_figure: Option<&'a str>,
    recorded_at: chrono::NaiveDateTime,
    state: &'static str,
}

pub fn insert(
    tx: &mut LedgerTx<'_>,
    list: &[NewHeld<'_>],
    recorded_at: Moment,
) -> Result<(), StoreError> {
    for part in list.chunks(crate::store::rows_max(9)) {
        let rows: Vec<Row<'_>> = part
            .iter()
            .map(|held| Row {
                event_id: held.event.bytes(),
                partner_id: held.partner.as_str(),
                kind: held.kind,
                hold_id: held.hold.as_ref().map(|key| key.bytes().as_slice()),
                rule: held.rule,
                figure: held.figures.as_ref().map(|[figure, _limit]| figure.as_str()),
                limit_figure: held.figures.as_ref().map(|[_figure, limit]| limit.as_str()),
                recorded_at: recorded_at.naive(),
                state: HeldState::Open.name(),
            })
            .collect();
        both!(tx.0, db => diesel::insert_into(held_events::table).values(&rows).execute(db))?;
    }
    Ok(())
}

/// Those of these holds whose price is not owed, or not yet.
pub fn withheld(db: &mut Db, holds: &[EventKey]) -> Result<Vec<EventKey>, StoreError> {
    let keys: Vec<Option<&[u8]>> = holds.iter().map(|key| Some(key.bytes().as_slice())).collect();
    let rows: Vec<Option<Vec<u8>>> = both!(db, db => held_events::table
        .filter(held_events::hold_id.eq_any(&keys))
        .filter(held_events::state.ne(HeldState::Released.name()))
        .select(held_events::hold_id)
        .load(db))?;
    let read = |id: Vec<u8>| Ok(EventKey::from_bytes(types::bytes16(&id, "held_events.hold_id")?));
    rows.into_iter().flatten().map(read).collect()
}

/// Those of these payments that bring nothing, or not yet: staff have not released them.
pub fn unreleased(db: &mut Db, keys: &[EventKey]) -> Result<Vec<EventKey>, StoreError> {
    let mut found = Vec::new();
    for part in keys.chunks(crate::store::rows_max(1) - 2) {
        let ids: Vec<&[u8]> = part.iter().map(|key| key.bytes().as_slice()).collect();
        let rows: Vec<Vec<u8>> = both!(db, db => held_events::table
            .filter(held_events::event_id.eq_any(&ids))
            .filter(held_events::kind.eq(Payment::TYPE))
            .filter(held_events::state.ne(HeldState::Released.name()))
            .select(held_events::event_id)
            .load(db))?;
        for id in rows {
            found.push(EventKey::from_bytes(types::bytes16(&id, "held_events.event_id")?));
        }
    }
    Ok(found)
}

type HeldRow = (
    (Vec<u8>, String, String, Option<Vec<u8>>, String, Option<String>, Option<String>),
    (chrono::NaiveDateTime, String),
    DecidedRow,
    DecidedRow,
    String,
);

type DecidedRow = (Option<String>, Option<String>, Option<chrono::NaiveDateTime>);

fn read(row: HeldRow) -> Result<HeldEvent, StoreError> {
    let ((event, partner, kind, hold, rule, figure, limit), standing, decided, proposed, receipt) =
        row;
    let (recorded_at, state) = standing;
    let key = |id: &[u8], column| types::bytes16(id, column).map(EventKey::from_bytes);
    let read = |(by, because, at): DecidedRow| {
        Some(Decided { by: by?, because: because?, at: types::moment(at?) })
    };
    Ok(HeldEvent {
        event: key(&event, "held_events.event_id")?,
        partner: types::partner(&partner)?,
        kind,
        hold: hold.map(|id| key(&id, "held_events.hold_id")).transpose()?,
        rule,
        figure,
        limit,
        recorded_at: types::moment(recorded_at),
        state: HeldState::by_name(&state).ok_or(StoreError::Corrupt("held_events.state"))?,
        decided: read(decided),
        proposed: read(proposed),
        receipt,
    })
}

macro_rules! columns {
    () => {
        (
            (
                held_events::event_id,
                held_events::partner_id,
                held_events::kind,
                held_events::hold_id,
                held_events::rule,
                held_events::figure,
                held_events::limit_figure,
            ),
            (held_events::recorded_at, held_events::state),
            (held_events::decided_by, held_events::decided_because, held_events::decided_at),
            (held_events::proposed_by, held_events::proposed_because, held_events::proposed_at),
            transactions::receipt,
        )
    };
}

/// The next held events, in the order of recording.
pub fn page(db: &mut Db, filter: &HeldFilter, rows_max: i64) -> Result<Vec<HeldEvent>, StoreError> {
    let mut query = held_events::table
        .inner_join(events::table.inner_join(transactions::table))
        .select(columns!())
        .filter(held_events::state.eq(filter.state.name()))
        .order((held_events::recorded_at, held_events::event_id))
        .limit(rows_max)
        .into_boxed();
    if let Some(partner) = &filter.partner {
        query = query.filter(held_events::partner_id.eq(partner.as_str().to_owned()));
    }
    if let Some((at, key)) = filter.after {
        let later = held_events::recorded_at.gt(at.naive());
        let same = held_events::recorded_at.eq(at.naive());
        let next = held_events::event_id.gt(key.bytes().to_vec());
        query = query.filter(later.or(same.and(next)));
    }
    let rows: Vec<HeldRow> = query.load(db)?;
    rows.into_iter().map(read).collect()
}

/// A held event.
pub fn get(db: &mut Db, event: EventKey) -> Result<Option<HeldEvent>, StoreError> {
    let row: Option<HeldRow> = held_events::table
        .inner_join(events::table.inner_join(transactions::table))
        .select(columns!())
        .filter(held_events::event_id.eq(event.bytes().as_slice()))
        .first(db)
        .optional()?;
    row.map(read).transpose()
}

/// Holds the row of a held event until the transaction ends, and reads it.
pub fn lock(tx: &mut LedgerTx<'_>, event: EventKey) -> Result<Option<HeldEvent>, StoreError> {
    if let Db::Postgres(db) = &mut *tx.0 {
        held_events::table
            .filter(held_events::event_id.eq(event.bytes().as_slice()))
            .select(held_events::event_id)
            .for_no_key_update()
            .load::<Vec<u8>>(db)?;
    }
    get(tx.0, event)
}

/// Records what was decided; `false` when somebody has decided before.
pub fn close(
    tx: &mut LedgerTx<'_>,
    event: EventKey,
    state: HeldState,
    decided: &Decided,
) -> Result<bool, StoreError> {
    let row = held_events::table
        .filter(held_events::event_id.eq(event.bytes().as_slice()))
        .filter(held_events::state.eq(HeldState::Open.name()));
    let closed = diesel::update(row)
        .set((
            held_events::state.eq(state.name()),
            held_events::decided_by.eq(&decided.by),
            held_events::decided_because.eq(&decided.because),
            held_events::decided_at.eq(decided.at.naive()),
        ))
        .execute(tx.0)?;
    Ok(closed == 1)
}

/// Keeps who would release a held event; `false` when it is not open any more.
pub fn propose(
    tx: &mut LedgerTx<'_>,
    event: EventKey,
    proposed: &Decided,
) -> Result<bool, StoreError> {
    let row = held_events::table
        .filter(held_events::event_id.eq(event.bytes().as_slice()))
        .filter(held_events::state.eq(HeldState::Open.name()));
    let kept = diesel::update(row)
        .set((
            held_events::proposed_by.eq(&proposed.by),
            held_events::proposed_because.eq(&proposed.because),
            held_events::proposed_at.eq(proposed.at.naive()),
        ))
        .execute(tx.0)?;
    Ok(kept == 1)
}

/// Keeps which transaction brought what a held event had waited for.
pub fn released(
    tx: &mut LedgerTx<'_>,
    event: EventKey,
    transaction: TransactionId,
) -> Result<(), StoreError> {
    let row = (
        released_events::event_id.eq(event.bytes().as_slice()),
        released_events::transaction_id.eq(transaction.bytes().as_slice()),
    );
    both!(tx.0, db => diesel::insert_into(released_events::table).values(row).execute(db))?;
    Ok(())
}

/// The transactions by which these events were released.
pub fn releases(
    db: &mut Db,
    keys: &[EventKey],
) -> Result<HashMap<EventKey, TransactionId>, StoreError> {
    let ids: Vec<&[u8]> = keys.iter().map(|key| key.bytes().as_slice()).collect();
    let rows: Vec<(Vec<u8>, Vec<u8>)> = both!(db, db => released_events::table
        .filter(released_events::event_id.eq_any(&ids))
        .select((released_events::event_id, released_events::transaction_id))
        .load(db))?;
    let read = |(event, transaction): (Vec<u8>, Vec<u8>)| {
        let event = EventKey::from_bytes(types::bytes16(&event, "released_events.event_id")?);
        let id = types::uuid(&transaction, "released_events.transaction_id")?;
        Ok((event, TransactionId::from_uuid(id)))
    };
    rows.into_iter().map(read).collect()
}

/// A recorded event, as it is read again.
pub struct KeptEvent {
    pub key: EventKey,
    pub partner: PartnerId,
    pub body: String,
    /// Under which key it referred to another, where it did.
    pub refers_to: Option<EventKey>,
    pub recorded_at: Moment,
}

type KeptRow = (Vec<u8>, String, String, Option<Vec<u8>>, chrono::NaiveDateTime);

fn read_kept(row: KeptRow) -> Result<KeptEvent, StoreError> {
    let (id, partner, body, refers_to, recorded_at) = row;
    let key = |id: &[u8], column| types::bytes16(id, column).map(EventKey::from_bytes);
    Ok(KeptEvent {
        key: key(&id, "events.id")?,
        partner: types::partner(&partner)?,
        body,
        refers_to: refers_to.map(|id| key(&id, "events.refers_to")).transpose()?,
        recorded_at: types::moment(recorded_at),
    })
}

/// An event as it was recorded.
pub fn kept(db: &mut Db, key: EventKey) -> Result<Option<KeptEvent>, StoreError> {
    let row: Option<KeptRow> = events::table
        .filter(events::id.eq(key.bytes().as_slice()))
        .select((
            events::id,
            events::partner_id,
            events::body,
            events::refers_to,
            events::recorded_at,
        ))
        .first(db)
        .optional()?;
    row.map(read_kept).transpose()
}

/// The refunds of a payment, in the order of recording.
pub fn refunds(db: &mut Db, payment: EventKey) -> Result<Vec<KeptEvent>, StoreError> {
    let rows: Vec<KeptRow> = both!(db, db => events::table
        .filter(events::refers_to.eq(payment.bytes().as_slice()))
        .filter(events::kind.eq(Refund::TYPE))
        .order((events::recorded_at, events::transaction_id))
        .select((
            events::id,
            events::partner_id,
            events::body,
            events::refers_to,
            events::recorded_at,
        ))
        .load(db))?;
    rows.into_iter().map(read_kept).collect()
}

/// What waits for staff, by partner and rule. A partner with any number of held events hides nobody
/// else's: each pair is looked up by itself, and its events are counted up to `counted_max`.
pub fn waiting(
    db: &mut Db,
    pairs_max: usize,
    counted_max: i64,
) -> Result<Vec<Waiting>, StoreError> {
    let mut found = Vec::new();
    let mut last: Option<Waited> = None;
    while found.len() < pairs_max {
        let Some(next) = next_waited(db, last.as_ref())? else { break };
        found.extend(waiting_by(db, &next, counted_max)?);
        last = Some(next);
    }
    Ok(found)
}

/// A partner, and a rule by which its events wait.
struct Waited {
    partner: String,
    rule: String,
}

/// The partial index of open events is used only where the state is no parameter.
fn is_open() -> diesel::expression::SqlLiteral<Bool> {
    diesel::dsl::sql("held_events.state = 'open'")
}

fn next_waited(db: &mut Db, last: Option<&Waited>) -> Result<Option<Waited>, StoreError> {
    let open = || {
        held_events::table
            .filter(is_open())
            .order((held_events::partner_id, held_events::rule))
            .select((held_events::partner_id, held_events::rule))
    };
    let row: Option<(String, String)> = match last {
        None => open().first(db).optional()?,
        Some(Waited { partner, rule }) => {
            let same = held_events::partner_id.eq(partner);
            let later = held_events::rule.gt(rule);
            let of_same: Option<(String, String)> =
                open().filter(same.and(later)).first(db).optional()?;
            match of_same {
                Some(row) => Some(row),
                None => open().filter(held_events::partner_id.gt(partner)).first(db).optional()?,
            }
        }
    };
    Ok(row.map(|(partner, rule)| Waited { partner, rule }))
}

fn waiting_by(db: &mut Db, by: &Waited, counted_max: i64) -> Result<Option<Waiting>, StoreError> {
    type Figures = (Option<String>, Option<String>);
    let Waited { partner, rule } = by;
    let open = || {
        held_events::table
            .filter(is_open())
            .filter(held_events::partner_id.eq(partner))
            .filter(held_events::rule.eq(rule))
    };
    let since: Option<chrono::NaiveDateTime> = open()
        .order((held_events::recorded_at, held_events::event_id))
        .select(held_events::recorded_at)
        .first(db)
        .optional()?;
    let latest: Option<Figures> = open()
        .order((held_events::recorded_at.desc(), held_events::event_id.desc()))
        .select((held_events::figure, held_events::limit_figure))
        .first(db)
        .optional()?;
    let counted: Vec<Vec<u8>> = open().select(held_events::event_id).limit(counted_max).load(db)?;
    let (Some(since), Some((figure, limit))) = (since, latest) else { return Ok(None) };
    Ok(Some(Waiting {
        partner: partner.clone(),
        rule: rule.clone(),
        events: i64::try_from(counted.len()).unwrap_or(i64::MAX),
        since: types::moment(since),
        figure,
        limit,
    }))
}

/// How many events wait for staff; counted up to a bound.
pub fn depth(db: &mut Db, rows_max: i64) -> Result<usize, StoreError> {
    let rows: Vec<Vec<u8>> = both!(db, db => held_events::table
        .filter(held_events::state.eq(HeldState::Open.name()))
        .select(held_events::event_id)
        .limit(rows_max)
        .load(db))?;
    Ok(rows.len())
}
