//! An example for every operation that takes or gives a body. Those of requests are taken as they
//! stand by the sample partners; a test sends them.

use serde_json::Value;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::{Content, OpenApi, RefOr};

/// Operation, what it shows, and the JSON.
type Example = (&'static str, &'static str, &'static str);

macro_rules! example {
    ($operation:literal, $shows:literal, $file:literal) => {
        ($operation, $shows, include_str!(concat!("examples/", $file)))
    };
}

const REQUESTS: &[Example] = &[
    example!("post_event", "A payment with an agreed discount", "payment.json"),
    example!("post_event", "A refund in part", "refund.json"),
    example!("post_event", "A referral with consent", "referral.json"),
    example!("post_event", "Points held with a customer's code", "hold.json"),
    example!("post_event_batch", "Two payments", "batch.json"),
    example!("post_quote", "A basket", "quote.json"),
    example!("put_clock", "A month ahead", "clock.json"),
    example!("make_sandbox_code", "For one of the partner's members", "sandbox_code.json"),
    example!("propose_adjustment", "Points taken", "adjustment.json"),
    example!("propose_reversal", "A payment recorded by mistake", "reversal.json"),
    example!("reject", "Why not", "rejection.json"),
    example!("issue_token", "A client assertion", "token_request.json"),
];

const ANSWERS: &[Example] = &[
    example!("post_event", "What came of a payment", "receipt.json"),
    example!("get_event", "What came of a payment", "receipt.json"),
    example!("get_receipt", "What came of a payment", "receipt.json"),
    example!("post_event_batch", "One recorded, one refused", "batch_answer.json"),
    example!("get_proof", "The first of a block of two", "proof.json"),
    example!("post_quote", "What the basket would get", "quote_answer.json"),
    example!("get_referral", "On its way to a customer manager", "referral_state.json"),
    example!("get_points", "Points, and why", "points.json"),
    example!("link_member", "The reference", "member.json"),
    example!("make_code", "To show at a till", "code.json"),
    example!("get_clock", "A month ahead", "clock_answer.json"),
    example!("put_clock", "A month ahead", "clock_answer.json"),
    example!("make_member", "The reference", "member.json"),
    example!("make_sandbox_code", "To show at a till", "code.json"),
    example!("propose_adjustment", "Within the limit", "correction.json"),
    example!("propose_reversal", "Waiting for another person", "correction_proposed.json"),
    example!("approve", "Posted", "correction.json"),
    example!("reject", "Rejected", "correction_rejected.json"),
    example!("get_correction", "Posted", "correction.json"),
    example!("get_corrections", "One page", "corrections.json"),
    example!("get_flagged_payments", "One page", "flagged_payments.json"),
    example!("get_dead_letters", "One page", "dead_letters.json"),
    example!("replay_dead_letter", "In line again", "replayed.json"),
    example!("issue_token", "Good for five minutes", "token.json"),
    example!("get_metadata", "Endpoints and algorithms", "metadata.json"),
    example!("get_jwks", "One key", "jwks.json"),
    example!("get_health", "It lives", "health.json"),
    example!("get_readiness", "It is ready", "readiness.json"),
];

/// Errors that are no problem documents.
const ERRORS: &[Example] = &[example!("issue_token", "A jti used twice", "token_error.json")];

/// Adds the examples to their operations.
pub fn add(document: &mut OpenApi) {
    let items = document.paths.paths.values_mut();
    let operations =
        items.flat_map(|item| [&mut item.get, &mut item.post, &mut item.put]).flatten();
    for operation in operations {
        let id = operation.operation_id.clone().unwrap_or_default();
        if let Some(RefOr::T(body)) = &mut operation.request_body {
            body.content.values_mut().for_each(|content| show(content, &id, REQUESTS));
        }
        let answers = operation.responses.responses.iter_mut();
        for (status, answer) in answers {
            let RefOr::T(answer) = answer else { continue };
            if let Some(content) = answer.content.get_mut("application/json") {
                show(content, &id, if status.starts_with('2') { ANSWERS } else { ERRORS });
            }
        }
    }
}

fn show(content: &mut RefOr<Content>, operation: &str, examples: &[Example]) {
    let RefOr::T(content) = content else { return };
    for (_operation, shows, text) in examples.iter().filter(|it| it.0 == operation) {
        let value: Option<Value> = serde_json::from_str(text).ok();
        let example = ExampleBuilder::new().summary(*shows).value(value).build();
        let name = shows.to_lowercase().replace([' ', '\''], "-").replace(',', "");
        content.examples.insert(name, RefOr::T(example));
    }
}
