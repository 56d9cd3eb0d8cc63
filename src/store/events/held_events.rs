//! Events that bring nothing until staff release or reject them.

use std::collections::HashMap;

use diesel::prelude::*;

use crate::clock::Moment;
use crate::event::{Payment, Refund};
use crate::ids::{CustomerId, EventKey, PartnerId, ReferralId, TransactionId};
use crate::partner::reward::RewardStage;
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
    /// The reward that is held; nothing where the event itself is.
    pub reward: Option<RewardOf>,
    pub rule: &'a str,
    /// The figure with the event and its limit, where a limit holds it.
    pub figures: Option<[String; 2]>,
}

/// The referral whose reward is held, and the transaction whose receipt says why.
#[derive(Clone, Copy, Debug)]
pub struct RewardOf {
    pub referral: ReferralId,
    pub transaction: TransactionId,
}

/// A held event or reward, with its receipt.
#[derive(Clone, Debug)]
pub struct HeldEvent {
    pub event: EventKey,
    pub partner: PartnerId,
    pub kind: String,
    pub hold: Option<EventKey>,
    /// The reward that is held; nothing where the event itself is.
    pub reward: Option<RewardOf>,
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

const REWARD_STAGES: [(RewardStage, &str); 2] = [
    (RewardStage::Converted, "reward.converted"),
    (RewardStage::FirstRepayment, "reward.first_repayment"),
];

/// How a held reward is called beside types of events.
#[must_use]
pub fn kind_of_reward(stage: RewardStage) -> &'static str {
    let known = REWARD_STAGES.into_iter().find(|(known, _kind)| *known == stage);
    known.map_or("reward.qualified", |(_stage, kind)| kind)
}

/// The stage of a held reward; `None` for an event.
#[must_use]
pub fn stage_of_reward(kind: &str) -> Option<RewardStage> {
    let known = REWARD_STAGES.into_iter().find(|(_stage, known)| *known == kind);
    known.map(|(stage, _kind)| stage)
}

/// Under which the reward of a stage is held.
#[must_use]
pub fn key_of_reward(referral: ReferralId, stage: RewardStage) -> EventKey {
    EventKey::of_name(&["held reward", &referral.to_string(), kind_of_reward(stage)])
}

#[derive(Insertable)]
#[diesel(table_name = held_events, treat_none_as_default_value = false)]
struct Row<'a> {
    event_id: &'a [u8],
    partner_id: &'a str,
    kind: &'a str,
    hold_id: Option<&'a [u8]>,
    referral_id: Option<&'a [u8]>,
    transaction_id: Option<&'a [u8]>,
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
    for part in list.chunks(crate::store::rows_max(11)) {
        let rows: Vec<Row<'_>> = part
            .iter()
            .map(|held| Row {
                event_id: held.event.bytes(),
                partner_id: held.partner.as_str(),
                kind: held.kind,
                hold_id: held.hold.as_ref().map(|key| key.bytes().as_slice()),
                referral_id: held.reward.as_ref().map(|it| it.referral.bytes().as_slice()),
                transaction_id: held.reward.as_ref().map(|it| it.transaction.bytes().as_slice()),
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
    (Vec<u8>, String, String, String, Option<String>, Option<String>),
    (Option<Vec<u8>>, Option<Vec<u8>>, Option<Vec<u8>>),
    (chrono::NaiveDateTime, String),
    DecidedRow,
    DecidedRow,
);

type DecidedRow = (Option<String>, Option<String>, Option<chrono::NaiveDateTime>);

fn read(row: HeldRow) -> Result<HeldEvent, StoreError> {
    let ((event, partner, kind, rule, figure, limit), about, standing, decided, proposed) = row;
    let (hold, referral, transaction) = about;
    let (recorded_at, state) = standing;
    let key = |id: &[u8], column| types::bytes16(id, column).map(EventKey::from_bytes);
    let read = |(by, because, at): DecidedRow| {
        Some(Decided { by: by?, because: because?, at: types::moment(at?) })
    };
    let reward = referral.zip(transaction).map(|(referral, transaction)| {
        let referral = types::uuid(&referral, "held_events.referral_id")?;
        let transaction = types::uuid(&transaction, "held_events.transaction_id")?;
        let (referral, transaction) =
            (ReferralId::from_uuid(referral), TransactionId::from_uuid(transaction));
        Ok::<_, StoreError>(RewardOf { referral, transaction })
    });
    Ok(HeldEvent {
        event: key(&event, "held_events.event_id")?,
        partner: types::partner(&partner)?,
        kind,
        hold: hold.map(|id| key(&id, "held_events.hold_id")).transpose()?,
        reward: reward.transpose()?,
        rule,
        figure,
        limit,
        recorded_at: types::moment(recorded_at),
        state: HeldState::by_name(&state).ok_or(StoreError::Corrupt("held_events.state"))?,
        decided: read(decided),
        proposed: read(proposed),
        receipt: String::new(),
    })
}

/// Reads rows with their receipts: an event's is its own, a reward's that of the transaction which says
/// why it is held.
fn read_all(db: &mut Db, rows: Vec<HeldRow>) -> Result<Vec<HeldEvent>, StoreError> {
    let mut found = rows.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let rewards = found.iter().filter_map(|held| held.reward.as_ref());
    let rewards: Vec<&[u8]> = rewards.map(|reward| reward.transaction.bytes().as_slice()).collect();
    let said = found.iter().filter(|held| held.reward.is_none());
    let said: Vec<&[u8]> = said.map(|held| held.event.bytes().as_slice()).collect();
    let mut receipts: Vec<(Vec<u8>, String)> = both!(db, db => events::table
        .inner_join(transactions::table)
        .filter(events::id.eq_any(&said))
        .select((events::id, transactions::receipt))
        .load(db))?;
    let of_rewards: Vec<(Vec<u8>, String)> = both!(db, db => transactions::table
        .filter(transactions::id.eq_any(&rewards))
        .select((transactions::id, transactions::receipt))
        .load(db))?;
    receipts.extend(of_rewards);
    let mut receipts: HashMap<Vec<u8>, String> = receipts.into_iter().collect();
    for held in &mut found {
        let of_event = held.event.bytes().as_slice();
        let id = held.reward.as_ref().map_or(of_event, |it| it.transaction.bytes().as_slice());
        let receipt = receipts.remove(id);
        held.receipt = receipt.ok_or(StoreError::Corrupt("held_events.event_id"))?;
    }
    Ok(found)
}

macro_rules! columns {
    () => {
        (
            (
                held_events::event_id,
                held_events::partner_id,
                held_events::kind,
                held_events::rule,
                held_events::figure,
                held_events::limit_figure,
            ),
            (held_events::hold_id, held_events::referral_id, held_events::transaction_id),
            (held_events::recorded_at, held_events::state),
            (held_events::decided_by, held_events::decided_because, held_events::decided_at),
            (held_events::proposed_by, held_events::proposed_because, held_events::proposed_at),
        )
    };
}

/// The next held events, in the order of recording.
pub fn page(db: &mut Db, filter: &HeldFilter, rows_max: i64) -> Result<Vec<HeldEvent>, StoreError> {
    let mut query = held_events::table
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
    read_all(db, rows)
}

/// The rewards of a referral that are held, or were.
pub fn rewards_of(db: &mut Db, referral: ReferralId) -> Result<Vec<HeldEvent>, StoreError> {
    let rows: Vec<HeldRow> = held_events::table
        .filter(held_events::referral_id.eq(referral.bytes().as_slice()))
        .order((held_events::recorded_at, held_events::event_id))
        .select(columns!())
        .load(db)?;
    read_all(db, rows)
}

/// The customer whom a recorded event is about.
pub fn customer_of(db: &mut Db, event: EventKey) -> Result<Option<CustomerId>, StoreError> {
    let row: Option<Option<Vec<u8>>> = events::table
        .filter(events::id.eq(event.bytes().as_slice()))
        .select(events::customer_id)
        .first(db)
        .optional()?;
    let id = row.flatten().map(|id| types::uuid(&id, "events.customer_id")).transpose()?;
    Ok(id.map(CustomerId::from_uuid))
}

/// A held event.
pub fn get(db: &mut Db, event: EventKey) -> Result<Option<HeldEvent>, StoreError> {
    let rows: Vec<HeldRow> = held_events::table
        .select(columns!())
        .filter(held_events::event_id.eq(event.bytes().as_slice()))
        .load(db)?;
    Ok(read_all(db, rows)?.into_iter().next())
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
