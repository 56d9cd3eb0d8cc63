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
    example!("post_event_stream", "One line", "payment.json"),
    example!("append_upload", "The beginning of a file", "part.json"),
    example!("post_quote", "A basket", "quote.json"),
    example!("put_clock", "A month ahead", "clock.json"),
    example!("tell_stage", "The person has the product", "stage.json"),
    example!("make_code", "For so many points, at one partner", "new_code.json"),
    example!("make_sandbox_code", "For one of the partner's members", "sandbox_code.json"),
    example!("answer_redemption", "The customer confirms", "redemption_answer.json"),
    example!("propose_adjustment", "Points taken", "adjustment.json"),
    example!("propose_reversal", "A payment recorded by mistake", "reversal.json"),
    example!("reject", "Why not", "rejection.json"),
    example!("agree", "By telephone", "contact.json"),
    example!("release_event", "Looked at", "decision.json"),
    example!("reject_event", "Why not", "decision.json"),
    example!("freeze_partner", "A key was stolen", "freeze.json"),
    example!("lift_freeze", "The key is replaced", "decision.json"),
    example!("release", "Looked at", "decision.json"),
    example!("reject_referral", "Why not", "decision.json"),
    example!("withdraw_consent", "Asked at the counter", "withdrawal_request.json"),
    example!("post_erasure", "One referral", "erasure_request.json"),
    example!("find_data", "By member reference", "person_request.json"),
    example!("post_feedback", "A customer manager has called", "feedback.json"),
    example!("post_announcement", "An instalment", "announcement.json"),
    example!("cancel_announcement", "Paid already", "cancellation.json"),
    example!("complete_task", "Called", "task_note.json"),
    example!("cancel_task", "Not needed", "task_note.json"),
    example!("post_statement", "A sale and the total", "statement_file.json"),
    example!("append_statement_upload", "The beginning of a file", "part.json"),
    example!("run_reconciliation", "A month", "reconciliation_request.json"),
    example!("post_bank_statement", "A report on an order", "bank_file.json"),
    example!("propose_for_bank_break", "A charge", "bank_break_proposal.json"),
    example!("reject_for_bank_break", "Why not", "break_rejection.json"),
    example!("propose_settlement", "A month", "reconciliation_request.json"),
    example!("propose_for_break", "A question", "break_proposal.json"),
    example!("reject_for_break", "Why not", "break_rejection.json"),
    example!("propose_separation", "Another order", "separation_request.json"),
    example!("reject_separation", "Why not", "rejection.json"),
    example!("attach_to_break", "A few words", "attachment_text.json"),
    example!("attach_to_asked_break", "A few words", "attachment_text.json"),
    example!("propose_for_breaks", "Two that are explained", "bulk_proposal.json"),
    example!("approve_for_breaks", "Two", "bulk_approval.json"),
    example!("approve_for_break", "The proposal that was looked at", "break_approval.json"),
    example!("approve_for_bank_break", "The proposal that was looked at", "break_approval.json"),
    example!("close_settlement", "The statement that was looked at", "settlement_close.json"),
    example!("reject_settlement", "The statement that was looked at", "settlement_close.json"),
    example!("note_on_break", "What was found out", "break_note.json"),
    example!("answer_break", "An answer", "break_note.json"),
    example!("answer_statement", "A dispute", "settlement_answer.json"),
    example!("make_endpoint", "Two types of events", "webhook_endpoint.json"),
    example!("issue_token", "A client assertion", "token_request.json"),
    example!("revoke_token", "A token of one's own", "revocation.json"),
    example!("introspect_token", "A partner's token", "introspection.json"),
];

const ANSWERS: &[Example] = &[
    example!("post_event", "What came of a payment", "receipt.json"),
    example!("get_event", "What came of a payment", "receipt.json"),
    example!("get_receipt", "What came of a payment", "receipt.json"),
    example!("post_event_batch", "One recorded, one refused", "batch_answer.json"),
    example!("post_event_stream", "One line", "stream_outcome.json"),
    example!("get_rejects", "Two lines", "rejects.json"),
    example!("get_imports", "One page", "imports.json"),
    example!("get_import", "Under way", "import.json"),
    example!("get_proof", "The first of a block of two", "proof.json"),
    example!("post_quote", "What the basket would get", "quote_answer.json"),
    example!("get_referral", "On its way to a customer manager", "referral_state.json"),
    example!("get_referrals", "One page", "referrals.json"),
    example!("get_held", "One to look at", "held.json"),
    example!("get_held_events", "One page", "held_events.json"),
    example!("get_held_event", "One to look at", "held_event.json"),
    example!("release_event", "Released", "held_event_released.json"),
    example!("reject_event", "Rejected", "held_event_rejected.json"),
    example!("get_alarms", "One limit", "alarms.json"),
    example!("get_exposure", "Two limits", "exposure.json"),
    example!("get_freezes", "One", "freezes.json"),
    example!("freeze_partner", "Frozen", "frozen.json"),
    example!("lift_freeze", "Lifted", "frozen.json"),
    example!("release", "Goes on", "decided.json"),
    example!("reject_referral", "Does not", "decided_against.json"),
    example!("post_feedback", "It has moved", "feedback_answer.json"),
    example!("get_points", "Points, and why", "points.json"),
    example!("link_member", "The reference", "member.json"),
    example!("make_code", "To show at a till", "code.json"),
    example!("hand_over", "To be opened at once", "hand_over.json"),
    example!("get_own_referrals", "One to confirm", "own_referrals.json"),
    example!("confirm_referral", "Confirmed", "own_referral_confirmed.json"),
    example!("get_redemptions", "One waits", "redemptions.json"),
    example!("confirm_redemption", "Confirmed", "redemption_confirmed.json"),
    example!("decline_redemption", "Declined", "redemption_declined.json"),
    example!("answer_redemption", "Confirmed", "redemption_confirmed.json"),
    example!("agree", "Agreed", "agreed.json"),
    example!("withdraw_contact", "Withdrawn", "withdrawn.json"),
    example!("get_notices", "One is not wanted", "notice_wishes.json"),
    example!("opt_out", "No more of them", "notice_wish.json"),
    example!("opt_in", "As it was", "notice_wished.json"),
    example!("get_clock", "A month ahead", "clock_answer.json"),
    example!("put_clock", "A month ahead", "clock_answer.json"),
    example!("make_member", "The reference", "member.json"),
    example!("tell_stage", "Moved", "stage_told.json"),
    example!("make_sandbox_code", "To show at a till", "code.json"),
    example!("propose_adjustment", "Within the limit", "correction.json"),
    example!("propose_reversal", "Waiting for another person", "correction_proposed.json"),
    example!("approve", "Posted", "correction.json"),
    example!("reject", "Rejected", "correction_rejected.json"),
    example!("get_correction", "Posted", "correction.json"),
    example!("get_corrections", "One page", "corrections.json"),
    example!("get_approval_pairs", "One pair", "approval_pairs.json"),
    example!("get_flagged_payments", "One page", "flagged_payments.json"),
    example!("post_announcement", "Announced", "announced.json"),
    example!("get_announcement", "Told once", "announcement_told.json"),
    example!("get_stages", "One page", "customer_stages.json"),
    example!("get_stage", "At risk", "customer_stage.json"),
    example!("get_tasks", "One page", "tasks.json"),
    example!("get_task", "To do", "task.json"),
    example!("complete_task", "Done", "task_done.json"),
    example!("cancel_task", "Cancelled", "task_cancelled.json"),
    example!("cancel_announcement", "Told once, and no more", "announcement_cancelled.json"),
    example!("post_statement", "Kept", "statement.json"),
    example!("get_statement_upload", "Done", "statement_upload.json"),
    example!("get_statements", "One page", "statements.json"),
    example!("get_statement_original", "The file", "statement_original.json"),
    example!("run_reconciliation", "One difference", "reconciliation.json"),
    example!("get_reconciliation", "One difference", "reconciliation.json"),
    example!("get_matches", "One that lives", "matches.json"),
    example!("propose_separation", "Waits for another person", "separation.json"),
    example!("get_separations", "One page", "separations.json"),
    example!("approve_separation", "One difference", "reconciliation.json"),
    example!("reject_separation", "The match stays", "separation_rejected.json"),
    example!("propose_settlement", "Waits for another person", "settlement_proposed.json"),
    example!("close_settlement", "Closed", "settlement_closed.json"),
    example!("reject_settlement", "Rejected", "settlement_rejected.json"),
    example!("get_settlement", "Closed", "settlement_closed.json"),
    example!("get_payout", "One payment", "payout.json"),
    example!("post_bank_statement", "The order is taken", "bank_file_taken.json"),
    example!("get_payout_state", "Paid", "payout_state.json"),
    example!("get_expectations", "Two months", "expectations.json"),
    example!("get_expected_events", "One that is missing", "expected_events.json"),
    example!("get_reconciliation_report", "One partner", "reconciliation_report.json"),
    example!("get_crm_results", "One difference", "crm_results.json"),
    example!("get_bank_breaks", "One page", "bank_breaks.json"),
    example!("get_bank_break", "Paid twice", "bank_break.json"),
    example!("propose_for_bank_break", "Waits for another person", "bank_break_proposed.json"),
    example!("approve_for_bank_break", "The partner is charged", "bank_break_approved.json"),
    example!("reject_for_bank_break", "Open again", "bank_break_rejected.json"),
    example!("get_settlement_entries", "One entry", "settlement_entries.json"),
    example!("get_settlement_file", "Signed", "settlement_file.json"),
    example!("get_statement_file", "Signed", "settlement_file.json"),
    example!("get_settlement_answers", "A dispute", "settlement_answers.json"),
    example!("get_transaction_settlement", "Settled", "entries_in_settlements.json"),
    example!("get_settlement_statements", "One page", "settlement_statements.json"),
    example!("get_settlement_statement", "Not answered yet", "settlement_statement.json"),
    example!("get_statement_entries", "One entry", "settlement_entries.json"),
    example!("answer_statement", "A dispute", "settlement_answered.json"),
    example!("get_event_settlement", "Settled", "entries_in_settlements.json"),
    example!("attach_to_break", "Attached", "attachment.json"),
    example!("get_break_attachments", "One", "attachments.json"),
    example!("get_break_attachment", "A few words", "attachment_text.json"),
    example!("attach_to_asked_break", "Attached", "attachment.json"),
    example!("get_asked_break_attachments", "One", "attachments.json"),
    example!("get_asked_break_attachment", "A few words", "attachment_text.json"),
    example!("propose_for_breaks", "Proposed", "bulk_done.json"),
    example!("approve_for_breaks", "Done", "bulk_done.json"),
    example!("get_breaks", "One page", "breaks.json"),
    example!("get_break", "Two amounts", "break.json"),
    example!("propose_for_break", "Waits for another person", "break_proposed.json"),
    example!("approve_for_break", "The partner is asked", "break_approved.json"),
    example!("reject_for_break", "Open again", "break_rejected.json"),
    example!("note_on_break", "Noted", "break_noted.json"),
    example!("get_asked_breaks", "One page", "breaks.json"),
    example!("get_asked_break", "A question", "break_asked.json"),
    example!("answer_break", "Answered", "break_answered.json"),
    example!("make_endpoint", "With its secret", "webhook_endpoint_made.json"),
    example!("get_endpoints", "One", "webhook_endpoints.json"),
    example!("rotate_secret", "With the new secret", "webhook_endpoint_rotated.json"),
    example!("test_endpoint", "An endpoint with a fault", "webhook_test.json"),
    example!("get_deliveries", "One that is tried again", "webhook_deliveries.json"),
    example!("replay_delivery", "In line again", "webhook_replayed.json"),
    example!("get_dead_letters", "One page", "dead_letters.json"),
    example!("replay_dead_letter", "In line again", "replayed.json"),
    example!("get_consent", "What the person agreed to", "consent_receipt.json"),
    example!("withdraw_consent", "Withdrawn", "consent_withdrawn.json"),
    example!("get_own_consents", "One page", "consents.json"),
    example!("withdraw_own_consent", "Withdrawn", "consent_withdrawn.json"),
    example!("get_own_data", "What is held", "person_data.json"),
    example!("find_data", "What is held", "person_data.json"),
    example!("post_erasure", "What went", "erasure.json"),
    example!("erase_own_data", "What went", "erasure_own.json"),
    example!("get_erasure", "What went", "erasure.json"),
    example!("get_erasures", "One page", "erasures.json"),
    example!("get_readings", "One page", "readings.json"),
    example!("issue_token", "Good for five minutes", "token.json"),
    example!("introspect_token", "A good one, bound to a key", "introspection_answer.json"),
    example!("get_metadata", "Endpoints and algorithms", "metadata.json"),
    example!("get_resource_metadata", "Who issues tokens", "resource_metadata.json"),
    example!("get_jwks", "One key", "jwks.json"),
    example!("get_sandbox_jwks", "One key", "jwks.json"),
    example!("get_health", "It lives", "health.json"),
    example!("get_readiness", "It is ready", "readiness.json"),
];

/// Answers in CSV of operations that answer in other ways as well.
const ANSWERS_IN_CSV: &[Example] = &[
    example!("get_settlement_file", "One entry", "settlement_file_csv.json"),
    example!("get_statement_file", "One entry", "settlement_file_csv.json"),
];

/// Errors that are no problem documents.
const ERRORS: &[Example] = &[
    example!("issue_token", "A jti used twice", "token_error.json"),
    example!("revoke_token", "A jti used twice", "token_error.json"),
    example!("introspect_token", "No token", "introspection_error.json"),
];

/// Adds the examples to their operations.
pub fn add(document: &mut OpenApi) {
    let items = document.paths.paths.values_mut();
    let operations = items
        .flat_map(|item| [&mut item.get, &mut item.post, &mut item.put, &mut item.patch])
        .flatten();
    for operation in operations {
        let id = operation.operation_id.clone().unwrap_or_default();
        if let Some(RefOr::T(body)) = &mut operation.request_body {
            body.content.values_mut().for_each(|content| show(content, &id, REQUESTS));
        }
        let answers = operation.responses.responses.iter_mut();
        for (status, answer) in answers {
            let RefOr::T(answer) = answer else { continue };
            let shown = ["application/json", "application/x-ndjson", "text/csv", "application/xml"];
            let contents = answer.content.iter_mut();
            for (kind, content) in contents.filter(|(kind, _)| shown.contains(&kind.as_str())) {
                let in_csv = kind == "text/csv" && ANSWERS_IN_CSV.iter().any(|it| it.0 == id);
                let examples = match status.starts_with('2') {
                    true if in_csv => ANSWERS_IN_CSV,
                    true => ANSWERS,
                    false => ERRORS,
                };
                show(content, &id, examples);
            }
        }
    }
}

fn show(content: &mut RefOr<Content>, operation: &str, examples: &[Example]) {
    let RefOr::T(content) = content else { return };
    for (_operation, shows, text) in examples.iter().filter(|example| example.0 == operation) {
        let value: Option<Value> = serde_json::from_str(text).ok();
        let example = ExampleBuilder::new().summary(*shows).value(value).build();
        let name = shows.to_lowercase().replace([' ', '\''], "-").replace(',', "");
        content.examples.insert(name, RefOr::T(example));
    }
}
