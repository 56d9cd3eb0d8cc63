//! Who approves what others propose, and how often: corrections, breaks, closes of months, releases.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use diesel::prelude::*;

use crate::clock::Moment;
use crate::ids::StaffId;
use crate::store::schema::{
    bank_break_proposals, break_proposals, corrections, held_events, settlements,
};
use crate::store::{Db, StoreError};

/// Two people, and how often one approved what the other had proposed.
pub struct ApprovalPair {
    pub proposed_by: StaffId,
    pub approved_by: StaffId,
    pub approvals: i64,
}

type PairRow = (String, Option<String>, i64);

/// Pairs since a moment, the most frequent first.
pub fn since(
    db: &mut Db,
    since: Moment,
    pairs_max: usize,
) -> Result<Vec<ApprovalPair>, StoreError> {
    let mut approvals: BTreeMap<[String; 2], i64> = BTreeMap::new();
    for rows in [
        of_corrections(db, since)?,
        of_breaks(db, since)?,
        of_bank_breaks(db, since)?,
        of_settlements(db, since)?,
        of_releases(db, since)?,
    ] {
        for (proposed_by, approved_by, count) in rows {
            let pair = [proposed_by, approved_by.unwrap_or_default()];
            let sum = approvals.entry(pair).or_default();
            *sum = sum.saturating_add(count);
        }
    }
    let id =
        |text: &str| StaffId::try_from(text).map_err(|_invalid| StoreError::Corrupt("approved_by"));
    let pairs = approvals.into_iter().map(|([proposed_by, approved_by], approvals)| {
        Ok(ApprovalPair {
            proposed_by: id(&proposed_by)?,
            approved_by: id(&approved_by)?,
            approvals,
        })
    });
    let mut pairs = pairs.collect::<Result<Vec<_>, StoreError>>()?;
    pairs.sort_by_key(|pair| Reverse(pair.approvals));
    pairs.truncate(pairs_max);
    Ok(pairs)
}

fn of_corrections(db: &mut Db, since: Moment) -> Result<Vec<PairRow>, StoreError> {
    Ok(corrections::table
        .filter(corrections::state.eq("posted"))
        .filter(corrections::approved_by.is_not_null())
        .filter(corrections::closed_at.ge(since.naive()))
        .group_by((corrections::proposed_by, corrections::approved_by))
        .select((corrections::proposed_by, corrections::approved_by, diesel::dsl::count_star()))
        .load(db)?)
}

fn of_breaks(db: &mut Db, since: Moment) -> Result<Vec<PairRow>, StoreError> {
    Ok(break_proposals::table
        .filter(break_proposals::state.eq("approved"))
        .filter(break_proposals::decided_at.ge(since.naive()))
        .group_by((break_proposals::proposed_by, break_proposals::decided_by))
        .select((
            break_proposals::proposed_by,
            break_proposals::decided_by,
            diesel::dsl::count_star(),
        ))
        .load(db)?)
}

fn of_bank_breaks(db: &mut Db, since: Moment) -> Result<Vec<PairRow>, StoreError> {
    Ok(bank_break_proposals::table
        .filter(bank_break_proposals::state.eq("approved"))
        .filter(bank_break_proposals::decided_at.ge(since.naive()))
        .group_by((bank_break_proposals::proposed_by, bank_break_proposals::decided_by))
        .select((
            bank_break_proposals::proposed_by,
            bank_break_proposals::decided_by,
            diesel::dsl::count_star(),
        ))
        .load(db)?)
}

fn of_settlements(db: &mut Db, since: Moment) -> Result<Vec<PairRow>, StoreError> {
    Ok(settlements::table
        .filter(settlements::state.eq("closed"))
        .filter(settlements::decided_at.ge(since.naive()))
        .group_by((settlements::proposed_by, settlements::decided_by))
        .select((settlements::proposed_by, settlements::decided_by, diesel::dsl::count_star()))
        .load(db)?)
}

fn of_releases(db: &mut Db, since: Moment) -> Result<Vec<PairRow>, StoreError> {
    let rows: Vec<(Option<String>, Option<String>, i64)> = held_events::table
        .filter(held_events::proposed_by.is_not_null())
        .filter(held_events::state.eq("released"))
        .filter(held_events::decided_at.ge(since.naive()))
        .group_by((held_events::proposed_by, held_events::decided_by))
        .select((held_events::proposed_by, held_events::decided_by, diesel::dsl::count_star()))
        .load(db)?;
    let pair = |(proposed_by, decided_by, count): (Option<String>, _, i64)| {
        (proposed_by.unwrap_or_default(), decided_by, count)
    };
    Ok(rows.into_iter().map(pair).collect())
}
