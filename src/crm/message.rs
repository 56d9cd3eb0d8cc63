//! A message in which the CRM reports a lead's stage by itself. The same message is done once.

use chrono::TimeDelta;

use super::CrmStage;
use super::feedback::{FeedbackError, FeedbackOutcome, report};
use crate::books::Books;
use crate::clock;
use crate::ids::ReferralId;
use crate::referral::Actor;
use crate::store::{StoreError, crm_feedback, referrals};

/// How long a message's id is remembered. The age of its timestamp refuses a replay long before
/// that; when the sender tries again it signs the same message anew.
const REMEMBERED: TimeDelta = TimeDelta::days(7);

/// What a message reports.
pub struct Report {
    /// The message's own id (`webhook-id`).
    pub id: String,
    pub lead: ReferralId,
    pub stage: CrmStage,
}

/// What came of a message.
pub enum Received {
    /// Where the referral stands now, and whether this message moved it.
    Done(FeedbackOutcome),
    /// There is no such lead.
    Unknown,
}

/// Moves a referral to where `who` says that its lead has come.
///
/// # Errors
/// Those of the store and of the writer.
pub async fn receive(who: &Actor, books: &Books, news: Report) -> Result<Received, FeedbackError> {
    let Report { id, lead, stage } = news;
    let seen = id.clone();
    let (is_done, state) = books
        .ask(move |db| {
            let state = referrals::get(db, lead)?.map(|referral| referral.state);
            Ok::<_, StoreError>((crm_feedback::is_done(db, &seen)?, state))
        })
        .await?;
    let Some(state) = state else { return Ok(Received::Unknown) };
    if is_done {
        return Ok(Received::Done(FeedbackOutcome { state, moved: false }));
    }
    let outcome = report(&books.pool, &books.writer, lead, stage, who).await?;
    let now = clock::now();
    let expires_at = now.plus(REMEMBERED);
    books.write(move |tx| crm_feedback::mark_done(tx, &id, now, expires_at)).await?;
    Ok(Received::Done(outcome))
}
