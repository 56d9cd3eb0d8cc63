//! What became of referrals: every move, appended. The database lets a referral's state follow its
//! last move.

use std::collections::HashMap;

use diesel::prelude::*;

use crate::clock::Moment;
use crate::ids::{PartnerId, ReferralId, TransactionId};
use crate::referral::{Actor, Advance, ReferralState, ReferralStep};
use crate::store::schema::referral_moves;
use crate::store::{Db, LedgerTx, StoreError, follow_ups, referrals, types};

/// A move that is to be recorded.
#[derive(Clone, Debug)]
pub struct NewMove<'a> {
    pub referral: ReferralId,
    /// Its place among the referral's moves, from 2 on: the first is that it was received.
    pub seq: i64,
    pub advance: Advance,
    pub by: &'a Actor,
    /// What the partner may read of why.
    pub reason: &'a str,
    /// What only staff may.
    pub finding: Option<&'a str>,
    /// What it posted, if anything.
    pub transaction: Option<TransactionId>,
}

/// A referral that was received from a partner.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    pub referral: ReferralId,
    pub partner: &'a PartnerId,
}

/// A move as it is kept.
#[derive(Clone, Debug)]
pub struct MoveRecord {
    pub seq: i64,
    pub state: ReferralState,
    /// `partner`, `customer`, `staff`, `crm` or `program`.
    pub actor_kind: String,
    pub actor: String,
    pub reason: String,
    pub finding: Option<String>,
    pub transaction: Option<TransactionId>,
    pub moved_at: Moment,
}

#[derive(Insertable)]
#[diesel(table_name = referral_moves, treat_none_as_default_value = false)]
struct Row<'a> {
    referral_id: &'a [u8],
    seq: i64,
    from_state: Option<&'static str>,
    state: &'static str,
    actor_kind: &'static str,
    actor: String,
    reason: &'a str,
    finding: Option<&'a str>,
    transaction_id: Option<&'a [u8]>,
    moved_at: chrono::NaiveDateTime,
}

type Stored =
    (i64, String, String, String, String, Option<String>, Option<Vec<u8>>, chrono::NaiveDateTime);

/// Appends the first move of each: that it was received.
pub fn receive(
    tx: &mut LedgerTx<'_>,
    list: &[Received<'_>],
    now: Moment,
) -> Result<(), StoreError> {
    let row = |it: &'_ Received<'_>| (it.referral, it.partner.to_string());
    let owned: Vec<(ReferralId, String)> = list.iter().map(row).collect();
    let rows: Vec<Row<'_>> = owned
        .iter()
        .map(|(referral, partner)| Row {
            referral_id: referral.bytes(),
            seq: 1,
            from_state: None,
            state: ReferralState::Received.name(),
            actor_kind: "partner",
            actor: partner.clone(),
            reason: "Received.",
            finding: None,
            transaction_id: None,
            moved_at: now.naive(),
        })
        .collect();
    append(tx, &rows)
}

/// Appends moves, each referral's in their order.
///
/// # Errors
/// [`StoreError`]; the database refuses a move that does not begin where the one before it ended.
pub fn record(tx: &mut LedgerTx<'_>, list: &[NewMove<'_>], now: Moment) -> Result<(), StoreError> {
    let rows: Vec<Row<'_>> = list
        .iter()
        .map(|it| Row {
            referral_id: it.referral.bytes(),
            seq: it.seq,
            from_state: Some(it.advance.from().name()),
            state: it.advance.to().name(),
            actor_kind: it.by.kind(),
            actor: it.by.to_string(),
            reason: it.reason,
            finding: it.finding,
            transaction_id: it.transaction.as_ref().map(|id| id.bytes().as_slice()),
            moved_at: now.naive(),
        })
        .collect();
    append(tx, &rows)?;
    let moved: Vec<(ReferralId, i64)> = list.iter().map(|it| (it.referral, it.seq)).collect();
    follow_ups::note(tx, &moved)
}

fn append(tx: &mut LedgerTx<'_>, rows: &[Row<'_>]) -> Result<(), StoreError> {
    for part in rows.chunks(crate::store::rows_max(10)) {
        both!(tx.0, db => diesel::insert_into(referral_moves::table).values(part).execute(db))?;
    }
    Ok(())
}

/// All moves of a referral, in their order.
pub fn of(db: &mut Db, referral: ReferralId) -> Result<Vec<MoveRecord>, StoreError> {
    let rows: Vec<Stored> = referral_moves::table
        .filter(referral_moves::referral_id.eq(referral.bytes().as_slice()))
        .order(referral_moves::seq)
        .select((
            referral_moves::seq,
            referral_moves::state,
            referral_moves::actor_kind,
            referral_moves::actor,
            referral_moves::reason,
            referral_moves::finding,
            referral_moves::transaction_id,
            referral_moves::moved_at,
        ))
        .load(db)?;
    rows.into_iter().map(MoveRecord::try_from).collect()
}

/// Why and since when these are on hold.
pub fn holds(
    db: &mut Db,
    referrals: &[ReferralId],
) -> Result<HashMap<ReferralId, (String, Moment)>, StoreError> {
    let ids: Vec<&[u8]> = referrals.iter().map(|id| id.bytes().as_slice()).collect();
    let rows: Vec<(Vec<u8>, Option<String>, chrono::NaiveDateTime)> = both!(db, db => referral_moves::table
            .filter(referral_moves::referral_id.eq_any(&ids))
            .filter(referral_moves::state.eq(ReferralState::OnHold.name()))
            .select((
                referral_moves::referral_id,
                referral_moves::finding,
                referral_moves::moved_at,
            ))
            .load(db))?;
    rows.into_iter()
        .map(|(id, finding, at)| {
            let id = ReferralId::from_uuid(types::uuid(&id, "referral_moves.referral_id")?);
            Ok((id, (finding.unwrap_or_default(), types::moment(at))))
        })
        .collect()
}

/// Records that the CRM has a lead; what has gone on already stays where it is.
pub fn send(
    tx: &mut LedgerTx<'_>,
    referral: ReferralId,
    by: &Actor,
    now: Moment,
) -> Result<(), StoreError> {
    let Some(stands) = referrals::lock(tx, referral)? else {
        return Err(StoreError::Corrupt("outbox.referral_id"));
    };
    let Ok(advance) = stands.state.advance(ReferralState::Sent) else { return Ok(()) };
    let passed = of(tx.0, referral)?.last().map_or(0, |last| last.seq);
    let sent = NewMove {
        referral,
        seq: passed.saturating_add(1),
        advance,
        by,
        reason: ReferralStep::Send.reason(),
        finding: None,
        transaction: None,
    };
    record(tx, &[sent], now)
}

impl TryFrom<Stored> for MoveRecord {
    type Error = StoreError;

    fn try_from(stored: Stored) -> Result<Self, StoreError> {
        let (seq, state, actor_kind, actor, reason, finding, transaction, moved_at) = stored;
        let transaction =
            transaction.map(|id| types::uuid(&id, "referral_moves.transaction_id")).transpose()?;
        Ok(Self {
            seq,
            state: ReferralState::by_name(&state)
                .ok_or(StoreError::Corrupt("referral_moves.state"))?,
            actor_kind,
            actor,
            reason,
            finding,
            transaction: transaction.map(TransactionId::from_uuid),
            moved_at: types::moment(moved_at),
        })
    }
}
