//! After a rotation, records that older keys sealed are sealed with the current key, in the background
//! and in bounded rounds, until an older key has nothing left and can be retired.

use super::sealed::{Place, SealedKind, index_again};
use crate::customer::personal::PersonalKeys;
use crate::store::{Db, Pool, StoreError};
use crate::task::{Chore, Round, Turn};

/// The search for records of older keys.
pub struct Resealer {
    pool: Pool,
    keys: PersonalKeys,
    pass: Pass,
}

/// One pass over every kind of record and every older key.
#[derive(Default)]
pub struct Pass {
    /// Those that are not done yet, in turn; `None` before the pass has begun.
    steps: Option<Vec<Step>>,
    /// Records sealed with the current key.
    pub sealed: u64,
    /// Records that could not be opened.
    pub unreadable: u64,
}

/// One kind of record under one older key.
struct Step {
    what: What,
    older: String,
    place: Place,
}

#[derive(Clone, Copy)]
enum What {
    Sealed(SealedKind),
    Indexed,
}

impl Resealer {
    #[must_use]
    pub fn new(pool: Pool, keys: PersonalKeys) -> Self {
        Self { pool, keys, pass: Pass::default() }
    }
}

impl Chore for Resealer {
    type Error = StoreError;

    /// Without an older key the database is not asked. A pass that fails begins again.
    async fn round(&mut self, _turn: Turn) -> Result<Round, StoreError> {
        let (pool, keys) = (self.pool.clone(), self.keys.clone());
        let mut pass = std::mem::take(&mut self.pass);
        if pass.is_over(&keys) {
            return Ok(Round::Done);
        }
        let work = move || {
            let more = pool.with(|db| round(db, &keys, &mut pass))?;
            Ok::<_, StoreError>((more, pass))
        };
        let done = tokio::task::spawn_blocking(work).await;
        let (more, pass) = done.unwrap_or(Err(StoreError::Exhausted))?;
        if more {
            self.pass = pass;
            return Ok(Round::More);
        }
        pass.log();
        Ok(Round::Done)
    }
}

impl Pass {
    fn begin(&mut self, keys: &PersonalKeys) -> &mut Vec<Step> {
        self.steps.get_or_insert_with(|| steps(keys))
    }

    fn is_over(&mut self, keys: &PersonalKeys) -> bool {
        self.begin(keys).is_empty()
    }

    fn log(&self) {
        if self.sealed > 0 || self.unreadable > 0 {
            let (sealed, unreadable) = (self.sealed, self.unreadable);
            tracing::info!(sealed, unreadable, "records are sealed with the current key");
        }
    }
}

fn steps(keys: &PersonalKeys) -> Vec<Step> {
    let (current, current_index) = (keys.key_id(), keys.index_id());
    let step = |what, older: &String| Step { what, older: older.clone(), place: Place::default() };
    let mut steps = Vec::new();
    for older in keys.key_ids().iter().filter(|id| **id != current) {
        steps.extend(SealedKind::ALL.map(|kind| step(What::Sealed(kind), older)));
    }
    for older in keys.index_ids().iter().filter(|id| **id != current_index) {
        steps.push(step(What::Indexed, older));
    }
    steps
}

/// Seals some records with the current key; `false` when the pass is over.
pub fn round(db: &mut Db, keys: &PersonalKeys, pass: &mut Pass) -> Result<bool, StoreError> {
    let steps = pass.begin(keys);
    let Some(step) = steps.last_mut() else { return Ok(false) };
    let done = match step.what {
        What::Sealed(kind) => kind.reseal(db, keys, &step.older, &mut step.place)?,
        What::Indexed => index_again(db, keys, &step.older, &mut step.place)?,
    };
    if done.found == 0 {
        steps.pop();
    }
    let more = !steps.is_empty();
    pass.sealed = pass.sealed.saturating_add(done.sealed);
    pass.unreadable = pass.unreadable.saturating_add(done.unreadable);
    Ok(more)
}
