//! The problems that each operation may answer with: those of all operations of its kind, and its
//! own.

use std::collections::BTreeMap;

use serde_json::json;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{HttpMethod, Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, Required, Response, ResponseBuilder};

use crate::http::problem::{self as kind, Kind};
use crate::http::server::version::VERSIONS;

/// Problems of every operation below `/v1`.
const ALWAYS: &[&Kind] = &[
    &kind::BAD_REQUEST,
    &kind::VERSION_UNKNOWN,
    &kind::UNAUTHORIZED,
    &kind::RATE_LIMITED,
    &kind::INTERNAL,
    &kind::BUSY,
];
/// Problems of every operation that changes something.
const OF_POST: &[&Kind] = &[
    &kind::IDEMPOTENCY_KEY,
    &kind::IDEMPOTENCY_CONFLICT,
    &kind::IDEMPOTENCY_MISMATCH,
    &kind::TIMEOUT,
    &kind::TOO_LARGE,
];
/// Problems of a body.
const OF_BODY: &[&Kind] = &[&kind::MALFORMED, &kind::INVALID, &kind::MEDIA_TYPE];
const OF_PARTNER: &[&Kind] = &[&kind::INSUFFICIENT_SCOPE, &kind::PARTNER_NOT_LISTED];
const OF_SIGNATURE: &[&Kind] =
    &[&kind::SIGNATURE_MALFORMED, &kind::SIGNATURE_REQUIRED, &kind::SIGNATURE_INVALID];
const OF_PAYMENT: &[&Kind] =
    &[&kind::EVENT_TIME, &kind::OUTSIDE_TERM, &kind::MEMBER_UNKNOWN, &kind::OUT_OF_RANGE];
/// Problems of one event. In a batch they stand in the event's outcome.
const OF_EVENT: &[&Kind] = &[
    &kind::EVENT_CONFLICT,
    &kind::CONFLICTING_DUPLICATE,
    &kind::PRODUCT_NOT_LISTED,
    &kind::REDEMPTION_NOT_AGREED,
    &kind::PAYMENT_UNKNOWN,
    &kind::LINE_UNKNOWN,
    &kind::REFUND_EXCEEDS,
    &kind::PARTS_MANY,
    &kind::CODE_INVALID,
    &kind::POINTS_INSUFFICIENT,
    &kind::HOLD_UNKNOWN,
    &kind::AWAITS_CUSTOMER,
    &kind::HOLD_CLOSED,
    &kind::REDEMPTION_EXCEEDS,
    &kind::QUOTA_EXCEEDED,
];
/// Tags of operations of staff.
const OF_STAFF: [&str; 6] =
    ["Corrections", "Decisions", "Operations", "Privacy", "Follow-up", "Reconciliation"];
const OF_BREAK: &[&Kind] = &[&kind::NOT_FOUND, &kind::BREAK_STATE];
const OF_SEPARATION: &[&Kind] = &[&kind::NOT_FOUND, &kind::MATCH_STATE, &kind::FOUR_EYES];
const OF_UPLOAD: &[&Kind] = &[&kind::PARAMETER, &kind::TUS_VERSION];
const OF_PROPOSAL: &[&Kind] = &[
    &kind::CORRECTION_CONFLICT,
    &kind::FOUR_EYES,
    &kind::MEMBER_UNKNOWN,
    &kind::POINTS_INSUFFICIENT,
    &kind::OUT_OF_RANGE,
];
const OF_CLOSING: &[&Kind] =
    &[&kind::FOUR_EYES, &kind::CORRECTION_CLOSED, &kind::POINTS_INSUFFICIENT];

const OF_HELD: &[&Kind] = &[
    &kind::NOT_FOUND,
    &kind::HELD_CLOSED,
    &kind::FREEZE_STATE,
    &kind::REFERRAL_STATE,
    &kind::OUT_OF_RANGE,
];
const OF_DECISION: &[&Kind] = &[&kind::NOT_FOUND, &kind::REFERRAL_STATE, &kind::OUT_OF_RANGE];

/// Problems of single operations, by operation id.
const OWN: &[(&str, &[&[&Kind]])] = &[
    ("post_event", &[OF_SIGNATURE, OF_PAYMENT, OF_EVENT]),
    ("post_event_batch", &[OF_SIGNATURE]),
    ("post_quote", &[OF_SIGNATURE, OF_PAYMENT, &[&kind::QUOTA_EXCEEDED]]),
    (
        "post_event_stream",
        &[&[&kind::SIGNATURE_MALFORMED, &kind::SIGNATURE_REQUIRED, &kind::MEDIA_TYPE]],
    ),
    ("create_upload", &[OF_UPLOAD, &[&kind::SIGNATURE_REQUIRED]]),
    ("get_upload", &[OF_UPLOAD, &[&kind::NOT_FOUND, &kind::UPLOAD_EXPIRED]]),
    (
        "append_upload",
        &[
            OF_UPLOAD,
            &[
                &kind::NOT_FOUND,
                &kind::UPLOAD_EXPIRED,
                &kind::UPLOAD_CONFLICT,
                &kind::UPLOAD_CHECKSUM,
                &kind::MEDIA_TYPE,
                &kind::TOO_LARGE,
                &kind::TIMEOUT,
            ],
        ],
    ),
    (
        "delete_upload",
        &[OF_UPLOAD, &[&kind::NOT_FOUND, &kind::UPLOAD_EXPIRED, &kind::UPLOAD_CONFLICT]],
    ),
    ("get_imports", &[&[&kind::PARAMETER]]),
    ("get_import", &[&[&kind::NOT_FOUND]]),
    // Where there is no wallet.
    ("hand_over", &[&[&kind::NOT_FOUND]]),
    ("get_rejects", &[&[&kind::NOT_FOUND]]),
    ("get_clock", &[&[&kind::SANDBOX_ONLY]]),
    ("put_clock", &[&[&kind::SANDBOX_ONLY, &kind::TOO_LARGE, &kind::TIMEOUT]]),
    ("make_member", &[&[&kind::SANDBOX_ONLY]]),
    ("tell_stage", &[&[&kind::SANDBOX_ONLY, &kind::NOT_FOUND]]),
    (
        "answer_redemption",
        &[&[&kind::SANDBOX_ONLY, &kind::NOT_FOUND, &kind::HOLD_CLOSED, &kind::OUT_OF_RANGE]],
    ),
    ("make_sandbox_code", &[&[&kind::SANDBOX_ONLY, &kind::MEMBER_UNKNOWN]]),
    ("get_event", &[&[&kind::NOT_FOUND]]),
    ("get_receipt", &[&[&kind::NOT_FOUND]]),
    ("get_proof", &[&[&kind::NOT_FOUND, &kind::NOT_SEALED]]),
    ("get_referral", &[&[&kind::NOT_FOUND]]),
    ("get_referrals", &[&[&kind::PARAMETER]]),
    ("get_held", &[&[&kind::PARAMETER]]),
    ("get_held_events", &[&[&kind::PARAMETER]]),
    ("get_held_event", &[&[&kind::NOT_FOUND]]),
    ("release_event", &[OF_HELD]),
    ("reject_event", &[OF_HELD]),
    ("get_exposure", &[&[&kind::NOT_FOUND]]),
    ("freeze_partner", &[&[&kind::NOT_FOUND, &kind::FREEZE_STATE]]),
    ("lift_freeze", &[&[&kind::NOT_FOUND, &kind::FREEZE_STATE]]),
    ("release", &[OF_DECISION, &[&kind::FOUR_EYES]]),
    ("reject_referral", &[OF_DECISION]),
    ("post_feedback", &[&[&kind::NOT_FOUND, &kind::SIGNATURE_MALFORMED, &kind::SIGNATURE_INVALID]]),
    ("get_points", &[&[&kind::PARAMETER]]),
    ("opt_out", &[&[&kind::NOT_FOUND, &kind::NOTICE_REQUIRED]]),
    ("opt_in", &[&[&kind::NOT_FOUND]]),
    ("link_member", &[&[&kind::NOT_FOUND]]),
    ("make_code", &[&[&kind::NOT_FOUND, &kind::RATE_LIMITED, &kind::REDEMPTION_NOT_AGREED]]),
    ("confirm_referral", &[&[&kind::NOT_FOUND, &kind::REFERRAL_STATE, &kind::OUT_OF_RANGE]]),
    ("confirm_redemption", &[&[&kind::NOT_FOUND, &kind::HOLD_CLOSED, &kind::OUT_OF_RANGE]]),
    ("decline_redemption", &[&[&kind::NOT_FOUND, &kind::HOLD_CLOSED, &kind::OUT_OF_RANGE]]),
    ("agree", &[&[&kind::NOT_FOUND]]),
    ("withdraw_contact", &[&[&kind::NOT_FOUND]]),
    ("get_consent", &[&[&kind::NOT_FOUND, &kind::ROLE_MISSING]]),
    ("withdraw_consent", &[&[&kind::NOT_FOUND, &kind::ROLE_MISSING]]),
    ("get_own_consents", &[&[&kind::PARAMETER]]),
    ("withdraw_own_consent", &[&[&kind::NOT_FOUND]]),
    ("get_own_data", &[&[&kind::NOT_FOUND, &kind::PARAMETER]]),
    ("find_data", &[&[&kind::NOT_FOUND]]),
    ("post_erasure", &[&[&kind::NOT_FOUND]]),
    ("erase_own_data", &[&[&kind::NOT_FOUND]]),
    ("get_erasure", &[&[&kind::NOT_FOUND]]),
    ("get_erasures", &[&[&kind::PARAMETER]]),
    ("get_readings", &[&[&kind::PARAMETER]]),
    ("propose_adjustment", &[OF_PROPOSAL]),
    ("propose_reversal", &[OF_PROPOSAL, &[&kind::NOT_FOUND, &kind::NOT_REVERSIBLE]]),
    ("approve", &[OF_CLOSING, &[&kind::NOT_FOUND, &kind::NOT_REVERSIBLE]]),
    ("reject", &[OF_CLOSING, &[&kind::NOT_FOUND]]),
    ("get_correction", &[&[&kind::NOT_FOUND]]),
    ("get_corrections", &[&[&kind::PARAMETER]]),
    ("get_flagged_payments", &[&[&kind::PARAMETER]]),
    (
        "post_announcement",
        &[&[&kind::ANNOUNCEMENT_CONFLICT, &kind::CUSTOMER_UNKNOWN, &kind::OUT_OF_RANGE]],
    ),
    ("get_announcement", &[&[&kind::NOT_FOUND]]),
    ("cancel_announcement", &[&[&kind::NOT_FOUND]]),
    ("get_stages", &[&[&kind::PARAMETER]]),
    ("get_stage", &[&[&kind::NOT_FOUND]]),
    ("get_tasks", &[&[&kind::PARAMETER]]),
    ("get_task", &[&[&kind::NOT_FOUND]]),
    ("complete_task", &[&[&kind::NOT_FOUND, &kind::TASK_CLOSED]]),
    ("cancel_task", &[&[&kind::NOT_FOUND, &kind::TASK_CLOSED]]),
    ("post_statement", &[&[&kind::PARAMETER, &kind::STATEMENT_REFUSED]]),
    ("create_statement_upload", &[OF_UPLOAD, &[&kind::TOO_LARGE, &kind::ROLE_MISSING]]),
    (
        "get_statement_upload_offset",
        &[&[&kind::TUS_VERSION, &kind::NOT_FOUND, &kind::UPLOAD_EXPIRED, &kind::ROLE_MISSING]],
    ),
    ("get_statement_upload", &[&[&kind::NOT_FOUND, &kind::UPLOAD_EXPIRED, &kind::ROLE_MISSING]]),
    (
        "append_statement_upload",
        &[
            OF_UPLOAD,
            &[
                &kind::NOT_FOUND,
                &kind::UPLOAD_EXPIRED,
                &kind::UPLOAD_CONFLICT,
                &kind::UPLOAD_CHECKSUM,
                &kind::MEDIA_TYPE,
                &kind::TOO_LARGE,
                &kind::TIMEOUT,
                &kind::ROLE_MISSING,
            ],
        ],
    ),
    (
        "delete_statement_upload",
        &[&[
            &kind::TUS_VERSION,
            &kind::NOT_FOUND,
            &kind::UPLOAD_EXPIRED,
            &kind::UPLOAD_CONFLICT,
            &kind::ROLE_MISSING,
        ]],
    ),
    ("get_statements", &[&[&kind::PARAMETER]]),
    ("get_statement_original", &[&[&kind::NOT_FOUND]]),
    (
        "run_reconciliation",
        &[&[&kind::PARAMETER, &kind::NO_STATEMENT, &kind::RECONCILIATION_UNDER_WAY]],
    ),
    ("get_reconciliation", &[&[&kind::NOT_FOUND]]),
    ("get_matches", &[&[&kind::PARAMETER]]),
    ("propose_separation", &[&[&kind::MATCH_STATE]]),
    ("get_separations", &[&[&kind::PARAMETER]]),
    ("approve_separation", &[OF_SEPARATION, &[&kind::RECONCILIATION_UNDER_WAY]]),
    ("reject_separation", &[OF_SEPARATION]),
    ("get_breaks", &[&[&kind::PARAMETER]]),
    ("get_break", &[&[&kind::NOT_FOUND]]),
    ("propose_for_break", &[OF_BREAK, &[&kind::WRITE_OFF_EXCEEDS, &kind::ADJUSTMENT_EXCEEDS]]),
    ("approve_for_break", &[OF_BREAK, &[&kind::FOUR_EYES, &kind::ADJUSTMENT_EXCEEDS]]),
    ("propose_for_breaks", &[OF_BREAK, &[&kind::TOTAL_DIFFERS, &kind::WRITE_OFF_EXCEEDS]]),
    (
        "approve_for_breaks",
        &[OF_BREAK, &[&kind::TOTAL_DIFFERS, &kind::FOUR_EYES, &kind::ADJUSTMENT_EXCEEDS]],
    ),
    (
        "attach_to_break",
        &[OF_BREAK, &[&kind::PARAMETER, &kind::TOO_LARGE, &kind::ATTACHMENT_REFUSED]],
    ),
    ("get_break_attachments", &[&[&kind::NOT_FOUND]]),
    ("get_break_attachment", &[&[&kind::NOT_FOUND]]),
    (
        "attach_to_asked_break",
        &[OF_BREAK, &[&kind::PARAMETER, &kind::TOO_LARGE, &kind::ATTACHMENT_REFUSED]],
    ),
    ("get_asked_break_attachments", &[&[&kind::NOT_FOUND]]),
    ("get_asked_break_attachment", &[&[&kind::NOT_FOUND]]),
    ("reject_for_break", &[OF_BREAK, &[&kind::FOUR_EYES]]),
    ("note_on_break", &[&[&kind::NOT_FOUND]]),
    ("propose_settlement", &[&[&kind::PARAMETER, &kind::SETTLEMENT_STATE, &kind::OUT_OF_RANGE]]),
    ("get_payout", &[&[&kind::NOT_FOUND, &kind::SETTLEMENT_STATE]]),
    ("post_bank_statement", &[&[&kind::BANK_FILE_REFUSED]]),
    ("get_payout_state", &[&[&kind::NOT_FOUND]]),
    ("get_expectations", &[&[&kind::PARAMETER]]),
    ("get_expected_events", &[&[&kind::PARAMETER, &kind::NOT_FOUND]]),
    ("get_reconciliation_report", &[&[&kind::PARAMETER]]),
    ("get_crm_results", &[&[&kind::PARAMETER]]),
    ("get_bank_breaks", &[&[&kind::PARAMETER]]),
    ("get_bank_break", &[&[&kind::NOT_FOUND]]),
    ("propose_for_bank_break", &[OF_BREAK]),
    ("approve_for_bank_break", &[OF_BREAK, &[&kind::FOUR_EYES]]),
    ("reject_for_bank_break", &[OF_BREAK, &[&kind::FOUR_EYES]]),
    (
        "close_settlement",
        &[&[&kind::NOT_FOUND, &kind::SETTLEMENT_STATE, &kind::FOUR_EYES, &kind::OUT_OF_RANGE]],
    ),
    ("reject_settlement", &[&[&kind::NOT_FOUND, &kind::SETTLEMENT_STATE, &kind::FOUR_EYES]]),
    ("get_settlement", &[&[&kind::NOT_FOUND]]),
    ("get_settlement_entries", &[&[&kind::NOT_FOUND, &kind::PARAMETER, &kind::INVALID]]),
    ("get_settlement_file", &[&[&kind::NOT_FOUND, &kind::PARAMETER, &kind::SETTLEMENT_STATE]]),
    ("get_statement_file", &[&[&kind::NOT_FOUND, &kind::PARAMETER, &kind::SETTLEMENT_STATE]]),
    ("get_settlement_answers", &[&[&kind::NOT_FOUND]]),
    ("get_transaction_settlement", &[&[&kind::NOT_FOUND]]),
    ("get_settlement_statements", &[&[&kind::PARAMETER]]),
    ("get_settlement_statement", &[&[&kind::NOT_FOUND]]),
    ("get_statement_entries", &[&[&kind::NOT_FOUND, &kind::PARAMETER, &kind::INVALID]]),
    ("answer_statement", &[&[&kind::NOT_FOUND, &kind::SETTLEMENT_STATE]]),
    ("get_event_settlement", &[&[&kind::NOT_FOUND]]),
    ("get_asked_breaks", &[&[&kind::PARAMETER]]),
    ("get_asked_break", &[&[&kind::NOT_FOUND]]),
    ("answer_break", &[OF_BREAK]),
    ("make_endpoint", &[&[&kind::ENDPOINTS_FULL]]),
    ("delete_endpoint", &[&[&kind::NOT_FOUND]]),
    ("rotate_secret", &[&[&kind::NOT_FOUND]]),
    ("test_endpoint", &[&[&kind::NOT_FOUND]]),
    ("get_deliveries", &[&[&kind::PARAMETER, &kind::NOT_FOUND]]),
    ("replay_delivery", &[&[&kind::NOT_FOUND, &kind::NOT_DEAD]]),
    ("get_dead_letters", &[&[&kind::PARAMETER]]),
    ("replay_dead_letter", &[&[&kind::NOT_FOUND, &kind::NOT_DEAD]]),
];

/// Adds to each operation its problems with an example of each, and the headers that all know.
pub fn describe(document: &mut OpenApi) {
    for (path, item) in &mut document.paths.paths {
        let methods = [
            (HttpMethod::Get, &mut item.get),
            (HttpMethod::Post, &mut item.post),
            (HttpMethod::Head, &mut item.head),
            (HttpMethod::Put, &mut item.put),
            (HttpMethod::Patch, &mut item.patch),
            (HttpMethod::Delete, &mut item.delete),
        ];
        for (method, operation) in methods {
            let Some(operation) = operation else { continue };
            if path.starts_with("/v1/") {
                let has_key = method == HttpMethod::Post
                    && !is_without_key(operation)
                    && !is_of_crm(operation);
                add_headers(operation, has_key);
            }
            for (status, kinds) in by_status(path, &method, operation) {
                let mut response = response(&kinds);
                if method == HttpMethod::Head {
                    response.content.clear();
                }
                let response = RefOr::T(response);
                operation.responses.responses.entry(status.to_string()).or_insert(response);
            }
        }
    }
}

/// Whether the operation takes a message of the CRM, which has an id of its own.
fn is_of_crm(operation: &Operation) -> bool {
    operation.tags.as_deref().is_some_and(|tags| tags.iter().any(|tag| tag == "CRM"))
}

fn by_status(
    path: &str,
    method: &HttpMethod,
    operation: &Operation,
) -> BTreeMap<u16, Vec<&'static Kind>> {
    let mut kinds: Vec<&Kind> = Vec::new();
    if path.starts_with("/v1/") {
        kinds.extend(ALWAYS);
        if is_of_crm(operation) {
            kinds.extend([&kind::TIMEOUT, &kind::TOO_LARGE]);
        } else if *method == HttpMethod::Post {
            let of_key = if is_without_key(operation) { 3 } else { 0 };
            kinds.extend(OF_POST.iter().skip(of_key));
        }
        if operation.request_body.is_some() {
            kinds.extend(OF_BODY);
        }
        match operation.tags.as_deref().unwrap_or_default() {
            [tag] if tag == "Customers" || tag == "CRM" => {}
            [tag] if OF_STAFF.contains(&tag.as_str()) => kinds.push(&kind::ROLE_MISSING),
            _ => kinds.extend(OF_PARTNER),
        }
        let id = operation.operation_id.as_deref().unwrap_or_default();
        let own = OWN.iter().filter(|(name, _kinds)| *name == id);
        own.for_each(|(_name, groups)| kinds.extend(groups.iter().copied().flatten()));
    } else {
        kinds.extend([&kind::VERSION_UNKNOWN, &kind::BAD_REQUEST, &kind::BUSY]);
        if path.starts_with("/oauth/") {
            kinds.extend([&kind::TIMEOUT, &kind::INTERNAL]);
        }
        match path {
            "/oauth/token" | "/oauth/revoke" => kinds.push(&kind::RATE_LIMITED),
            "/oauth/introspect" => kinds.extend([&kind::UNAUTHORIZED, &kind::ROLE_MISSING]),
            _ => {}
        }
    }
    let mut by_status: BTreeMap<u16, Vec<&Kind>> = BTreeMap::new();
    for kind in kinds {
        let of_status = by_status.entry(kind.status).or_default();
        if !of_status.contains(&kind) {
            of_status.push(kind);
        }
    }
    by_status
}

fn response(kinds: &[&Kind]) -> Response {
    let mut content = Content::new(Some(RefOr::Ref(Ref::from_schema_name("Problem"))));
    for kind in kinds {
        let example = ExampleBuilder::new().summary(kind.title).value(Some(json!({
            "type": format!("/problems/{}", kind.slug),
            "title": kind.title,
            "status": kind.status,
            "detail": kind.advice,
            "request_id": "01a20994-5b1c-7d3e-8f00-2b6c1d9e4a77",
        })));
        content.examples.insert(kind.slug.to_owned(), RefOr::T(example.build()));
    }
    let titles: Vec<String> =
        kinds.iter().map(|kind| format!("`{}`: {}.", kind.slug, kind.title)).collect();
    let mut response = ResponseBuilder::new()
        .description(titles.join(" "))
        .content("application/problem+json", content);
    if kinds.iter().any(|kind| [429, 503].contains(&kind.status)) {
        let seconds = ObjectBuilder::new().schema_type(Type::Integer);
        let header =
            HeaderBuilder::new().schema(Some(seconds)).description(Some("Seconds to wait."));
        response = response.header("Retry-After", header.build());
    }
    response.build()
}

/// Whether an operation is safe to repeat without a key.
fn is_without_key(operation: &Operation) -> bool {
    let id = operation.operation_id.as_deref().unwrap_or_default();
    ["create_upload", "create_statement_upload", "post_event_stream"].contains(&id)
}

fn add_headers(operation: &mut Operation, has_key: bool) {
    let header = |name: &str, says: &str, schema: ObjectBuilder| {
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(says))
            .schema(Some(schema.schema_type(Type::String)));
        RefOr::T(parameter.build())
    };
    let parameters = operation.parameters.get_or_insert_default();
    let version = "The newest version of the API that you know; the newest there is without it.";
    parameters.push(header(
        "Api-Version",
        version,
        ObjectBuilder::new().enum_values(Some(VERSIONS)),
    ));
    if has_key {
        let key = "The same request under the same key is done once, within a day.";
        parameters.push(header(
            "Idempotency-Key",
            key,
            ObjectBuilder::new().min_length(Some(1)).max_length(Some(255)),
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_type_is_an_example_of_some_operation() {
        let document = serde_json::to_string(&super::super::document("https://bank.example"));
        let document = document.unwrap();
        // This no operation of the document answers with: the method is not its own.
        let elsewhere = [&kind::METHOD];
        for kind in kind::KINDS.iter().filter(|kind| !elsewhere.contains(kind)) {
            let named = format!("\"/problems/{}\"", kind.slug);
            assert!(document.contains(&named), "{}", kind.slug);
        }
    }

    #[test]
    fn every_operation_named_here_exists() {
        let document = super::super::document("https://bank.example");
        let items = document.paths.paths.values();
        let operations = items
            .flat_map(|item| {
                [&item.get, &item.post, &item.head, &item.put, &item.patch, &item.delete]
            })
            .flatten();
        let ids: Vec<&str> =
            operations.filter_map(|operation| operation.operation_id.as_deref()).collect();
        for (name, _kinds) in OWN {
            assert!(ids.contains(name), "{name}");
        }
    }
}
