//! Moves referrals by what the CRM says of their leads. The CRM is asked from time to time, or it
//! tells us. Both may bring the same news twice, late, or out of order: a referral that is further
//! on stays where it is.

use std::time::Duration;

use chrono::TimeDelta;

use super::{Change, Crm, CrmError, CrmStage, Watermark};
use crate::clock;
use crate::ids::ReferralId;
use crate::referral::{Actor, Move, ReferralState, ReferralStep};
use crate::store::{Pool, StoreError, crm_feedback, referrals};
use crate::task::{Chore, Round, Turn};
use crate::writer::{MoveRefusal, WriteError, Writer};

/// The chore that reads the CRM's changes.
pub struct Feedback {
    pub pool: Pool,
    pub writer: Writer,
    pub crm: Crm,
    /// Which CRM it is: a watermark belongs to one CRM.
    pub place: String,
    pub every: Duration,
}

/// What became of one piece of news about a lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedbackOutcome {
    /// The state of the referral now.
    pub state: ReferralState,
    /// Whether this news moved the referral.
    pub moved: bool,
}

/// Why the news was not acted on.
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

/// Each reading starts this long before the watermark. The CRM may commit a change late, with the
/// time at which its transaction began; this is longer than a transaction may take.
const OVERLAP: TimeDelta = TimeDelta::seconds(60);

impl Chore for Feedback {
    type Error = FeedbackError;

    /// A stop ends the reading at once: what is left is read after the next start, here or by
    /// another gateway.
    async fn round(&mut self, mut turn: Turn) -> Result<Round, FeedbackError> {
        tokio::select! {
            looked = self.look() => looked.map(|()| Round::Done),
            () = turn.stop.requested() => Ok(Round::Done),
        }
    }
}

impl Feedback {
    /// Reads what has changed since the last reading, and acts on it.
    async fn look(&self) -> Result<(), FeedbackError> {
        let Some(kept) = self.take_look().await? else { return Ok(()) };
        let mut from = self.crm.set_back(&Watermark(kept), OVERLAP);
        let by = Actor::Crm(self.crm.kind().to_owned());
        loop {
            let Some(changes) = self.crm.changes(&from).await? else { return Ok(()) };
            for Change { lead, stage, at: _ } in changes.list {
                match report(&self.pool, &self.writer, lead, stage, &by).await {
                    Ok(outcome) if outcome.moved => {
                        let (stage, state) = (stage.name(), outcome.state.name());
                        tracing::info!(%lead, stage, state, "the CRM moved a referral");
                    }
                    // The reference looks like an id of ours and is none.
                    Ok(_) | Err(FeedbackError::Unknown) => {}
                    // The others are not kept waiting, and it would be the same the next time.
                    Err(FeedbackError::Write(error)) if !error.is_passing() => {
                        tracing::error!(%error, %lead, "a change in the CRM is passed over");
                    }
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
            db.write(|tx| crm_feedback::take_look(tx, &place, now, now.minus(half)))
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

/// Moves a referral to the stage that the CRM reports, unless it is there or beyond.
pub async fn report(
    pool: &Pool,
    writer: &Writer,
    lead: ReferralId,
    stage: CrmStage,
    by: &Actor,
) -> Result<FeedbackOutcome, FeedbackError> {
    let state =
        store(pool, move |db| Ok(referrals::get(db, lead)?.map(|referral| referral.state))).await?;
    let mut outcome = FeedbackOutcome { state: state.ok_or(FeedbackError::Unknown)?, moved: false };
    for step in steps(stage, outcome.state) {
        // Old news, like most of the overlap: the writer need not be asked.
        if outcome.state.advance(step.to()).is_err() {
            continue;
        }
        let order = Move::new(lead, *step, by.clone());
        match writer.move_referral(order).await {
            Ok(moved) => {
                outcome =
                    FeedbackOutcome { state: moved.state, moved: outcome.moved || !moved.replayed }
            }
            // The referral was moved by something else meanwhile.
            Err(WriteError::Move(MoveRefusal::Illegal(illegal))) => outcome.state = illegal.from,
            Err(WriteError::Move(MoveRefusal::Unknown)) => return Err(FeedbackError::Unknown),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(outcome)
}

/// The moves that a stage of the CRM asks of a referral in this state. A CRM may skip a stage. What
/// it calls lost or cancelled is a claw-back once the person has the product.
const fn steps(stage: CrmStage, state: ReferralState) -> &'static [ReferralStep] {
    let had = matches!(state, ReferralState::Converted | ReferralState::Rewarded);
    match stage {
        CrmStage::Contacted => &[ReferralStep::Contact],
        CrmStage::Converted => &[ReferralStep::Convert],
        CrmStage::FirstRepayment if had => &[ReferralStep::Repay],
        CrmStage::FirstRepayment => &[ReferralStep::Convert, ReferralStep::Repay],
        CrmStage::Lost | CrmStage::Cancelled if had => &[ReferralStep::Cancel],
        CrmStage::Lost | CrmStage::Cancelled => &[ReferralStep::Lose],
    }
}

async fn store<T: Send + 'static>(
    pool: &Pool,
    work: impl FnOnce(&mut crate::store::Db) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, FeedbackError> {
    Ok(pool.ask(work).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_crm_says_is_a_course_that_the_state_machine_allows_or_ignores() {
        for state in [ReferralState::Qualified, ReferralState::Sent, ReferralState::Contacted] {
            for stage in
                [CrmStage::Converted, CrmStage::FirstRepayment, CrmStage::Lost, CrmStage::Cancelled]
            {
                let mut stands = state;
                for step in steps(stage, state) {
                    stands = stands.advance(step.to()).unwrap().to();
                }
                assert_ne!(stands, state);
            }
        }
        assert_eq!(steps(CrmStage::Cancelled, ReferralState::Converted), [ReferralStep::Cancel]);
        assert_eq!(steps(CrmStage::Lost, ReferralState::Rewarded), [ReferralStep::Cancel]);
        assert_eq!(
            steps(CrmStage::FirstRepayment, ReferralState::Converted),
            [ReferralStep::Repay]
        );
        // Late news of what is over move nothing.
        for state in [ReferralState::Lost, ReferralState::Withdrawn, ReferralState::ClawedBack] {
            for stage in [CrmStage::Contacted, CrmStage::Converted, CrmStage::Cancelled] {
                assert!(steps(stage, state).iter().all(|step| state.advance(step.to()).is_err()));
            }
        }
    }
}
