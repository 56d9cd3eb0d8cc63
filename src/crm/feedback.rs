//! What the CRM says of our leads moves the referrals: by asking it every so often, or when it tells
//! us by itself. Both may say the same thing again, late, or in another order: a referral that has
//! gone on already stays where it is.

use std::time::Duration;

use chrono::TimeDelta;

use super::{Change, Crm, CrmError, Stage, Watermark};
use crate::clock;
use crate::ids::ReferralId;
use crate::referral::{Actor, Move, ReferralState, ReferralStep};
use crate::store::{Pool, StoreError, crm_feedback, referrals};
use crate::task::{Chore, Round, Turn};
use crate::writer::{MoveRefusal, WriteError, Writer};

/// The reader of the CRM's changes.
pub struct Feedback {
    pub pool: Pool,
    pub writer: Writer,
    pub crm: Crm,
    /// Where the CRM is: a watermark is one CRM's.
    pub place: String,
    pub every: Duration,
}

/// What was said of a lead and what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// Where the referral stands now.
    pub state: ReferralState,
    /// Whether this moved it.
    pub moved: bool,
}

/// Why what was said is not done.
#[derive(Debug, thiserror::Error)]
pub enum FeedbackError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Crm(#[from] CrmError),
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error("no referral of that id is recorded")]
    Unknown,
}

/// How far before the watermark each reading starts: longer than a transaction of the CRM may take,
/// because what it commits late carries the time at which it began.
const OVERLAP: TimeDelta = TimeDelta::seconds(60);

impl Chore for Feedback {
    type Error = FeedbackError;

    /// Ends where it is when it is stopped: what it has not done, it or another gateway does after
    /// the next start.
    async fn round(&mut self, mut turn: Turn) -> Result<Round, FeedbackError> {
        tokio::select! {
            looked = self.look() => looked.map(|()| Round::Done),
            () = turn.stop.requested() => Ok(Round::Done),
        }
    }
}

impl Feedback {
    /// Reads what has changed since the last look, and does it.
    async fn look(&self) -> Result<(), FeedbackError> {
        let Some(kept) = self.take_look().await? else { return Ok(()) };
        let mut from = self.crm.set_back(&Watermark(kept), OVERLAP);
        let by = Actor::Crm(self.crm.kind().to_owned());
        loop {
            let Some(changes) = self.crm.changes(&from).await? else { return Ok(()) };
            for Change { lead, stage, at: _ } in changes.list {
                match tell(&self.pool, &self.writer, (lead, stage), &by).await {
                    Ok(told) if told.moved => {
                        let (stage, state) = (stage.name(), told.state.name());
                        tracing::info!(%lead, stage, state, "the CRM moved a referral");
                    }
                    // A reference that looks like ours and is not.
                    Ok(_) | Err(FeedbackError::Unknown) => {}
                    Err(error) => return Err(error),
                }
            }
            if changes.watermark != from {
                self.keep(changes.watermark.clone()).await?;
            }
            from = changes.watermark;
            if !changes.more {
                return Ok(());
            }
        }
    }

    async fn take_look(&self) -> Result<Option<String>, FeedbackError> {
        let half = TimeDelta::from_std(self.every / 2).unwrap_or_default();
        let place = self.place.clone();
        store(&self.pool, move |db| {
            let now = clock::now();
            db.write(|tx| crm_feedback::take_look(tx, &place, (now, now.minus(half))))
        })
        .await
    }

    async fn keep(&self, watermark: Watermark) -> Result<(), FeedbackError> {
        let place = self.place.clone();
        store(&self.pool, move |db| {
            db.write(|tx| crm_feedback::keep_watermark(tx, &place, &watermark.0))
        })
        .await
    }
}

/// Moves a referral to where the CRM says that its lead has come, if it is not there or beyond.
pub async fn tell(
    pool: &Pool,
    writer: &Writer,
    (lead, stage): (ReferralId, Stage),
    by: &Actor,
) -> Result<Told, FeedbackError> {
    let state = store(pool, move |db| Ok(referrals::get(db, lead)?.map(|it| it.state))).await?;
    let mut told = Told { state: state.ok_or(FeedbackError::Unknown)?, moved: false };
    for step in steps(stage, told.state) {
        // Old news, as most of a look's overlap is: the writer need not hear of it.
        if told.state.advance(step.to()).is_err() {
            continue;
        }
        let order = Move { referral: lead, step: *step, by: by.clone(), finding: None };
        match writer.move_referral(order).await {
            Ok(moved) => told = Told { state: moved.state, moved: told.moved || !moved.replayed },
            // It has gone on by another way.
            Err(WriteError::Move(MoveRefusal::Illegal(illegal))) => told.state = illegal.from,
            Err(WriteError::Move(MoveRefusal::Unknown)) => return Err(FeedbackError::Unknown),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(told)
}

/// What a stage of the CRM asks of a referral that stands here. A CRM may skip a stage; and what it
/// calls lost or cancelled is a claw-back once the person has had the product.
const fn steps(stage: Stage, state: ReferralState) -> &'static [ReferralStep] {
    let had = matches!(state, ReferralState::Converted | ReferralState::Rewarded);
    match stage {
        Stage::Contacted => &[ReferralStep::Contact],
        Stage::Converted => &[ReferralStep::Convert],
        Stage::FirstRepayment if had => &[ReferralStep::Repay],
        Stage::FirstRepayment => &[ReferralStep::Convert, ReferralStep::Repay],
        Stage::Lost | Stage::Cancelled if had => &[ReferralStep::Cancel],
        Stage::Lost | Stage::Cancelled => &[ReferralStep::Lose],
    }
}

async fn store<T: Send + 'static>(
    pool: &Pool,
    work: impl FnOnce(&mut crate::store::Db) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, FeedbackError> {
    let pool = pool.clone();
    let done = tokio::task::spawn_blocking(move || pool.with(work)).await;
    Ok(done.unwrap_or(Err(StoreError::Exhausted))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_crm_says_is_a_course_that_the_state_machine_allows_or_ignores() {
        for state in [ReferralState::Qualified, ReferralState::Sent, ReferralState::Contacted] {
            for stage in [Stage::Converted, Stage::FirstRepayment, Stage::Lost, Stage::Cancelled] {
                let mut stands = state;
                for step in steps(stage, state) {
                    stands = stands.advance(step.to()).unwrap().to();
                }
                assert_ne!(stands, state);
            }
        }
        assert_eq!(steps(Stage::Cancelled, ReferralState::Converted), [ReferralStep::Cancel]);
        assert_eq!(steps(Stage::Lost, ReferralState::Rewarded), [ReferralStep::Cancel]);
        assert_eq!(steps(Stage::FirstRepayment, ReferralState::Converted), [ReferralStep::Repay]);
        // Late news of what is over move nothing.
        for state in [ReferralState::Lost, ReferralState::Withdrawn, ReferralState::ClawedBack] {
            for stage in [Stage::Contacted, Stage::Converted, Stage::Cancelled] {
                assert!(steps(stage, state).iter().all(|it| state.advance(it.to()).is_err()));
            }
        }
    }
}
