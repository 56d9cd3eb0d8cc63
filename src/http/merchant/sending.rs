//! What is typed in becomes an event like any other: same rules, same writer, same receipts.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::shop::Shop;
use super::words::ShopWords;
use crate::clock;
use crate::event::{self, Event, Malformed};
use crate::http::Gateway;
use crate::http::problem::Problem;
use crate::ids::{EventId, EventKey};
use crate::store::events;
use crate::writer::WriteError;

/// The stage of all payments of the form: an order number stands for one of them.
pub const STAGE: &str = "form";
/// The beginning of the ids of the form's events.
pub const PREFIX: &str = "form:";

/// A typed event that is to be read as any other.
pub struct TypedEvent {
    /// The page's own id: the same page sent twice is one event.
    pub id: Uuid,
    /// The event's type.
    pub kind: &'static str,
    pub data: Map<String, Value>,
}

/// What became of sending an event that a page was made for.
pub enum SendingOutcome {
    /// It is recorded, now or before, as this event.
    Recorded(EventId),
    /// The page was sent before with other content.
    SentOtherwise,
    Refused(Problem),
}

impl TypedEvent {
    /// The event, as of now.
    pub fn read(self, gateway: &Gateway, shop: &Shop) -> Result<Event, Malformed> {
        let Self { id, kind, data } = self;
        let value = json!({
            "specversion": "1.0", "id": format!("{PREFIX}{id}"), "source": "form", "type": kind,
            "time": clock::now().to_string(), "data": data,
        });
        let limits = shop.partner.form_limits();
        event::parse_value(&shop.partner.id, &limits, &value, &gateway.keys.fingerprint)
    }
}

/// Hands an event to the writer. The same page sent again says the same at another time, which is
/// no conflict to people.
pub async fn send(gateway: &Gateway, shop: &Shop, event: Event) -> Result<SendingOutcome, Problem> {
    let (id, body) = (event.id.clone(), event.body.clone());
    Ok(match gateway.hand_in(&shop.partner, event, None).await {
        Ok(outcome) => SendingOutcome::Recorded(outcome.duplicate_of.unwrap_or(id)),
        Err(WriteError::Conflict) => {
            let key = EventKey::of(&shop.partner.id, &id);
            let first = gateway.books(&shop.partner).ask(move |db| events::body(db, key)).await?;
            let differences = event::differences(&first.unwrap_or_default(), &body);
            let is_same = differences.iter().all(|difference| difference.pointer == "/time");
            if is_same { SendingOutcome::Recorded(id) } else { SendingOutcome::SentOtherwise }
        }
        Err(WriteError::ConflictingDuplicate(found))
            if found.differences.iter().all(|difference| difference.pointer == "/time") =>
        {
            SendingOutcome::Recorded(found.of)
        }
        Err(error) => SendingOutcome::Refused(error.into()),
    })
}

/// What the page says of a problem that is at no field.
pub fn in_words(problem: &Problem, words: &'static ShopWords) -> &'static str {
    match problem.slug() {
        "quota-exceeded" => words.day_full,
        "busy" | "rate-limited" => words.not_now,
        _ => {
            problem.log_cause();
            words.not_taken
        }
    }
}
