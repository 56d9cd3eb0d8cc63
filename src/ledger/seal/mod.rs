//! Seals transactions into the chain, off the writer's path: a task of every gateway, or
//! `tallystick ledger seal`. It searches for all transactions that are not sealed. It does not
//! count on from the last sealed id, because a transaction may be committed after others whose ids
//! are greater.

pub mod check;
pub mod head;
pub mod inclusion;

use std::collections::VecDeque;
use std::time::Duration;

use chrono::TimeDelta;

use super::chain::{Block, Hash};
use super::leaf::Leaf;
use crate::clock;
use crate::secrets::token_keys::TokenKeys;
use crate::store::seals::{self, Seal, StoredBlock};
use crate::store::{Db, Pool, StoreError};
use crate::task::{Chore, Round, Turn};

/// Transactions in one block.
pub const LEAVES_MAX: u16 = 1_000;

/// How often a gateway looks for what is not sealed.
pub const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How far before the last sealed transaction a pass starts, for commits that were late.
const NEAR: TimeDelta = TimeDelta::seconds(2);
const FAR: TimeDelta = TimeDelta::minutes(10);

/// Every 60th pass starts ten minutes back instead of two seconds.
const NEAR_LOOKS: u32 = 60;

/// Why nothing can be sealed now.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the key that signs heads cannot be used")]
    Key(#[from] jsonwebtoken::errors::Error),
}

/// The chore that seals what was recorded.
pub struct Sealer {
    pool: Pool,
    key: TokenKeys,
    /// How far behind what is sealed the next look begins; `None` from the first transaction on.
    reach: Option<TimeDelta>,
    looks: u32,
}

/// What one step of a look came to.
enum Step {
    /// So many transactions were sealed, in one block; or none had to be in this stretch.
    Sealed(usize),
    /// Another gateway was quicker.
    Overtaken,
    /// Nothing is left.
    Done,
}

/// A look through the transactions, by id: what lies before its place is not asked for again.
struct Look {
    after: Vec<u8>,
    /// What the stretch up to there has that is to be sealed still, in its order.
    found: VecDeque<Vec<u8>>,
    /// Where that stretch began.
    begun: Vec<u8>,
}

impl Sealer {
    /// Its first look is at all transactions, whatever happened before.
    #[must_use]
    pub const fn new(pool: Pool, key: TokenKeys) -> Self {
        Self { pool, key, reach: None, looks: 0 }
    }
}

impl Chore for Sealer {
    type Error = SealError;

    async fn round(&mut self, turn: Turn) -> Result<Round, SealError> {
        let (pool, key, reach) = (self.pool.clone(), self.key.clone(), self.reach);
        let look = move || pool.with(|db| seal_from(db, &key, reach, &|| turn.stop.is_requested()));
        let looked = tokio::task::spawn_blocking(look).await;
        match looked.unwrap_or(Err(SealError::Store(StoreError::Exhausted))) {
            Ok(_sealed) => {
                self.looks = self.looks.wrapping_add(1);
                let far = self.looks.is_multiple_of(NEAR_LOOKS);
                self.reach = Some(if far { FAR } else { NEAR });
                Ok(Round::Done)
            }
            Err(SealError::Store(error)) if error.is_passing() => {
                tracing::debug!(%error, "nothing can be sealed now");
                Ok(Round::Failed)
            }
            Err(error) => {
                tracing::error!(%error, "transactions are not sealed");
                Ok(Round::Failed)
            }
        }
    }
}

/// Seals all that is not sealed, and returns how many transactions that were.
///
/// # Errors
/// [`SealError`]; the blocks before it stay.
pub fn seal_all(db: &mut Db, key: &TokenKeys) -> Result<usize, SealError> {
    seal_from(db, key, None, &|| false)
}

/// One look, as far behind what is sealed as `reach`, or from the first transaction on.
fn seal_from(
    db: &mut Db,
    key: &TokenKeys,
    reach: Option<TimeDelta>,
    stopping: &dyn Fn() -> bool,
) -> Result<usize, SealError> {
    let after = match reach {
        None => Vec::new(),
        Some(reach) => behind(seals::newest(db)?, reach),
    };
    let mut look = Look { begun: after.clone(), after, found: VecDeque::new() };
    let mut sealed = 0_usize;
    while !stopping() {
        match look.step(db, key)? {
            Step::Sealed(count) => sealed = sealed.saturating_add(count),
            Step::Overtaken => {}
            Step::Done => break,
        }
    }
    Ok(sealed)
}

impl Look {
    /// Reads and hashes outside of the database's transaction, which is then short: what is
    /// recorded does not change, and the chain's end is asked for again under the lock.
    fn step(&mut self, db: &mut Db, key: &TokenKeys) -> Result<Step, SealError> {
        let before = seals::last_block(db)?.map(|stored| stored.block);
        if self.found.is_empty() {
            let stretch = seals::unsealed(db, &self.after)?;
            let Some(last) = stretch.last else { return Ok(Step::Done) };
            self.begun = std::mem::replace(&mut self.after, last);
            self.found = stretch.unsealed.into();
        }
        if self.found.is_empty() {
            return Ok(Step::Sealed(0));
        }
        let leaves = self.found.len().min(usize::from(LEAVES_MAX));
        let ids: Vec<Vec<u8>> = self.found.drain(..leaves).collect();
        let (stored, list) = seal(db, before.as_ref(), &ids, key)?;
        let ours = db.write(|tx| {
            seals::lock(tx)?;
            if !seals::is_last(tx, before.map(|block| block.position))? {
                return Ok::<_, StoreError>(false);
            }
            seals::insert(tx, &stored, &list)?;
            Ok(true)
        })?;
        if !ours {
            // Some of what was found is another's by now: the stretch is looked at again.
            self.found.clear();
            self.after.clone_from(&self.begun);
            return Ok(Step::Overtaken);
        }
        Ok(Step::Sealed(list.len()))
    }
}

/// The block of these transactions, signed, with a seal for each.
fn seal(
    db: &mut Db,
    before: Option<&Block>,
    ids: &[Vec<u8>],
    key: &TokenKeys,
) -> Result<(StoredBlock, Vec<Seal>), SealError> {
    let wanted: Vec<&[u8]> = ids.iter().map(Vec::as_slice).collect();
    let recorded = seals::recorded(db, &wanted)?;
    let leaves: Vec<(&Vec<u8>, Hash)> =
        ids.iter().filter_map(|id| Some((id, Leaf::of(recorded.get(id)?).hash()))).collect();
    let hashes: Vec<Hash> = leaves.iter().map(|(_id, leaf)| *leaf).collect();
    let block = Block::after(before, &hashes, clock::now());
    let seal = |(leaf_index, (id, leaf)): (i64, &(&Vec<u8>, Hash))| Seal {
        transaction: (*id).clone(),
        block: block.position,
        leaf_index,
        leaf: *leaf,
    };
    let list = (0..).zip(&leaves).map(seal).collect();
    Ok((StoredBlock { block, hash: block.hash(), head: head::sign(&block, key)? }, list))
}

/// The least id of a transaction made that much earlier: ids are UUIDs of version 7, which begin
/// with the time. Not counted from an id that some fast clock made in the future.
fn behind(newest: Option<Vec<u8>>, reach: TimeDelta) -> Vec<u8> {
    let Some(newest) = newest.and_then(|id| made_at(&id)) else { return Vec::new() };
    let from = newest.min(clock::now().utc().timestamp_millis());
    let from = from.saturating_sub(reach.num_milliseconds()).max(0);
    // 48 bits of milliseconds, the greater ones first (RFC 9562, section 5.7).
    from.to_be_bytes().into_iter().skip(2).chain([0; 10]).collect()
}

/// When a UUID of version 7 was made, in milliseconds since 1970.
fn made_at(id: &[u8]) -> Option<i64> {
    let (time, _random) = id.split_first_chunk::<6>()?;
    Some(time.iter().fold(0_i64, |sum, byte| (sum << 8) | i64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_begins_before_the_newest_and_never_after_now() {
        assert_eq!(behind(None, NEAR), Vec::<u8>::new());
        let id = |at: i64| at.to_be_bytes().into_iter().skip(2).chain([0x7f; 10]).collect();
        let now = clock::now().utc().timestamp_millis();
        let from = |newest: i64| made_at(&behind(Some(id(newest)), NEAR)).unwrap();
        let near = NEAR.num_milliseconds();
        assert_eq!(from(now - 60_000), now - 60_000 - near);
        // A clock that ran ahead by an hour hides nobody else's transactions.
        let ahead = from(now + 3_600_000);
        assert!((now - near..now).contains(&ahead), "{ahead}");
        assert_eq!(behind(Some(id(now)), NEAR).len(), 16);
        // It sorts as the stores sort ids.
        assert!(behind(Some(id(now - 60_000)), NEAR) < id(now - 60_001));
    }
}
