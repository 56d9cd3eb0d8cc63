//! Events on their way from a request to the writer. What partners on trial ask for and what is
//! observed of them happens around the writer, here; for other partners it is nothing.

use std::sync::Arc;

use actix_web::HttpRequest;

use super::problems;
use super::watch::{self, Watched};
use crate::event::Event;
use crate::http::Gateway;
use crate::http::problem::Problem;
use crate::partner::Partner;
use crate::program::Judging;
use crate::store::signatures::NewSignature;
use crate::writer::{Outcome, Submission, WriteError};

/// Hands in one event.
///
/// # Errors
/// Why it is not recorded.
pub async fn hand_in(
    request: &HttpRequest,
    gateway: &Gateway,
    partner: &Arc<Partner>,
    event: Event,
    signed: Option<Arc<NewSignature>>,
) -> Result<Outcome, Problem> {
    let watched = Watched::of(partner, &event);
    let outcome = match problems::by_event_id(&event.id, partner) {
        Ok(()) => gateway.hand_in(partner, event, signed).await.map_err(Problem::from),
        Err(asked_for) => Err(asked_for),
    };
    watch::note_outcome(request, watched, outcome.as_ref());
    outcome
}

/// What is known of an item of a batch before the writer has answered.
enum Item {
    Refused(Problem),
    HandedIn(Option<Watched>),
}

/// Hands in the events of a batch. Each gets an outcome of its own, in their order.
pub async fn hand_in_all(
    request: &HttpRequest,
    gateway: &Gateway,
    partner: &Arc<Partner>,
    read: Vec<Result<Event, Problem>>,
    signed: Option<Arc<NewSignature>>,
) -> Vec<Result<Outcome, Problem>> {
    let mut submissions = Vec::with_capacity(read.len());
    let mut items = Vec::with_capacity(read.len());
    for event in read {
        let event =
            event.and_then(|event| problems::by_event_id(&event.id, partner).map(|()| event));
        items.push(match event {
            Ok(event) => {
                let watched = Watched::of(partner, &event).map(Watched::among_others);
                let (partner, signed) = (Arc::clone(partner), signed.clone());
                submissions.push(Submission { partner, event, signed, judging: Judging::InForce });
                Item::HandedIn(watched)
            }
            Err(problem) => Item::Refused(problem),
        });
    }
    let answers = gateway.books(partner).writer.submit_all(submissions).await;
    let mut answers = answers.into_iter();
    let outcomes = items.into_iter().map(|item| {
        let outcome = match item {
            Item::Refused(problem) => Err(problem),
            Item::HandedIn(watched) => {
                let answer = answers.next().unwrap_or(Err(WriteError::Stopped));
                let outcome = answer.map_err(Problem::from);
                watch::note_outcome(request, watched, outcome.as_ref());
                outcome
            }
        };
        if let Err(problem) = &outcome {
            watch::note_problem(request, problem);
        }
        outcome
    });
    outcomes.collect()
}
