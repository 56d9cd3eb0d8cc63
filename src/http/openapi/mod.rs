//! The API's own description: OpenAPI 3.1, made of the handlers and the types that they take and
//! give; and the page that shows it to people.

mod examples;
mod problems;
mod wording;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use utoipa::OpenApi as _;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, ClientCredentials, Flow, HttpAuthScheme, HttpBuilder, OAuth2, Scopes,
    SecurityScheme,
};
use utoipa::openapi::{ComponentsBuilder, OpenApi, Server};
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::http::Gateway;
use crate::http::access::{metadata, revocation, token_endpoint};
use crate::http::customer::{
    codes, consents, contact, hand_overs, notices, own_referrals, person_data, points, redemptions,
};
use crate::http::operator::health;
use crate::http::partner::{
    crm_feedback, events, imports, proofs, quotes, referrals, settlement_attachments,
    settlement_breaks, settlement_statements, statement_uploads, stream, uploads,
    webhook_deliveries, webhook_endpoints,
};
use crate::http::sandbox;
use crate::http::schemas::bodies;
use crate::http::server::media::{self, Packed};
use crate::http::server::paths::{OPENAPI_PATH, TOKEN_PATH};
use crate::http::staff::{
    announcements, approval_pairs, attachments, bank_breaks, bank_files, breaks, bulk_breaks,
    corrections, crm_results, customer_stages, dead_letters, erasures, expectations, exposure,
    flagged_payments, freezes, held, held_events, readings, reconciliation_report, reconciliations,
    separations, settlement_entries, settlements, statements, tasks,
};
use crate::partner::scope::Scope;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Tallystick",
        description = "Partners post what happened, and get a receipt for each event; customers \
                       look up their points; staff correct. Amounts are decimals in strings, \
                       times RFC 3339. Errors are problem documents (RFC 9457). Partners on trial \
                       get any of them by `Sandbox-Problem: <slug>`.",
        contact(name = "The bank's partner desk"),
    ),
    paths(
        events::post_event,
        events::post_event_batch,
        stream::post_event_stream,
        events::get_event,
        events::get_receipt,
        proofs::get_proof,
        sandbox::clock::get_clock,
        sandbox::clock::put_clock,
        sandbox::members::make_member,
        sandbox::members::make_sandbox_code,
        sandbox::leads::tell_stage,
        sandbox::redemptions::answer_redemption,
        quotes::post_quote,
        uploads::create_upload,
        uploads::get_upload,
        uploads::append_upload,
        uploads::delete_upload,
        imports::get_imports,
        imports::get_import,
        imports::get_rejects,
        referrals::get_referral,
        referrals::get_referrals,
        held::get_held,
        held::release,
        held::reject_referral,
        held_events::get_held_events,
        held_events::get_held_event,
        held_events::release_event,
        held_events::reject_event,
        exposure::get_alarms,
        exposure::get_exposure,
        freezes::get_freezes,
        freezes::freeze_partner,
        freezes::lift_freeze,
        points::get_points,
        points::link_member,
        codes::make_code,
        hand_overs::hand_over,
        own_referrals::get_own_referrals,
        own_referrals::confirm_referral,
        redemptions::get_redemptions,
        redemptions::confirm_redemption,
        redemptions::decline_redemption,
        contact::agree,
        contact::withdraw_contact,
        consents::get_consent,
        consents::withdraw_consent,
        consents::get_own_consents,
        consents::withdraw_own_consent,
        person_data::get_own_data,
        person_data::find_data,
        erasures::post_erasure,
        erasures::erase_own_data,
        erasures::get_erasure,
        erasures::get_erasures,
        readings::get_readings,
        notices::get_notices,
        notices::opt_out,
        notices::opt_in,
        corrections::propose_adjustment,
        corrections::propose_reversal,
        corrections::approve,
        corrections::reject,
        corrections::get_correction,
        corrections::get_corrections,
        approval_pairs::get_approval_pairs,
        flagged_payments::get_flagged_payments,
        announcements::post_announcement,
        announcements::get_announcement,
        announcements::cancel_announcement,
        customer_stages::get_stages,
        customer_stages::get_stage,
        tasks::get_tasks,
        tasks::get_task,
        tasks::complete_task,
        tasks::cancel_task,
        statements::post_statement,
        statement_uploads::create_statement_upload,
        statement_uploads::get_statement_upload_offset,
        statement_uploads::get_statement_upload,
        statement_uploads::append_statement_upload,
        statement_uploads::delete_statement_upload,
        statements::get_statements,
        statements::get_statement_original,
        reconciliations::run_reconciliation,
        reconciliations::get_reconciliation,
        separations::get_matches,
        separations::propose_separation,
        separations::get_separations,
        separations::approve_separation,
        separations::reject_separation,
        breaks::get_breaks,
        breaks::get_break,
        breaks::propose_for_break,
        breaks::approve_for_break,
        bulk_breaks::propose_for_breaks,
        attachments::attach_to_break,
        attachments::get_break_attachments,
        attachments::get_break_attachment,
        settlement_attachments::attach_to_asked_break,
        settlement_attachments::get_asked_break_attachments,
        settlement_attachments::get_asked_break_attachment,
        bulk_breaks::approve_for_breaks,
        breaks::reject_for_break,
        breaks::note_on_break,
        settlements::propose_settlement,
        settlements::close_settlement,
        settlements::reject_settlement,
        settlements::get_settlement,
        settlements::get_payout,
        bank_files::post_bank_statement,
        bank_files::get_payout_state,
        expectations::get_expectations,
        expectations::get_expected_events,
        reconciliation_report::get_reconciliation_report,
        crm_results::get_crm_results,
        bank_breaks::get_bank_breaks,
        bank_breaks::get_bank_break,
        bank_breaks::propose_for_bank_break,
        bank_breaks::approve_for_bank_break,
        bank_breaks::reject_for_bank_break,
        settlement_entries::get_settlement_entries,
        settlement_entries::get_settlement_file,
        settlement_entries::get_transaction_settlement,
        settlement_entries::get_settlement_answers,
        settlement_statements::get_settlement_statements,
        settlement_statements::get_settlement_statement,
        settlement_statements::get_statement_entries,
        settlement_statements::get_statement_file,
        settlement_statements::answer_statement,
        settlement_statements::get_event_settlement,
        settlement_breaks::get_asked_breaks,
        settlement_breaks::get_asked_break,
        settlement_breaks::answer_break,
        webhook_endpoints::make_endpoint,
        webhook_endpoints::get_endpoints,
        webhook_endpoints::delete_endpoint,
        webhook_endpoints::rotate_secret,
        webhook_endpoints::test_endpoint,
        webhook_deliveries::get_deliveries,
        webhook_deliveries::replay_delivery,
        dead_letters::get_dead_letters,
        dead_letters::replay_dead_letter,
        crm_feedback::post_feedback,
        token_endpoint::issue_token,
        revocation::revoke_token,
        revocation::introspect_token,
        metadata::get_metadata,
        metadata::get_resource_metadata,
        metadata::get_jwks,
        metadata::get_sandbox_jwks,
        health::get_health,
        health::get_readiness,
    ),
    components(schemas(bodies::EventBody, bodies::ProblemBody)),
    tags(
        (name = "Events", description = "Partners post what happened, and get a receipt for each."),
        (name = "Files", description = "Partners upload a day's events as a file (tus 1.0.0)."),
        (name = "Referrals", description = "Partners read how their referrals stand."),
        (name = "Consents", description = "What a person agreed to: read and withdrawn."),
        (name = "Webhooks", description = "Where a partner's events are sent, and how that goes."),
        (name = "Sandbox", description = "What only partners on trial may do."),
        (name = "Authorization", description = "Tokens of partners, and our public keys."),
        (name = "Customers", description = "The bank's app: points, codes, consents and data."),
        (name = "Corrections", description = "Staff correct points, two persons for each."),
        (name = "Decisions", description = "Staff decide on what is held, and freeze partners."),
        (name = "Follow-up", description = "Stages of customers, tasks and announcements."),
        (name = "Reconciliation", description = "Staff compare partners' statements with our books."),
        (name = "Settlement", description = "Partners answer what the bank asks about statements."),
        (name = "Operations", description = "Staff look after what was given up on its way out."),
        (name = "Privacy", description = "Staff find and erase personal data."),
        (name = "CRM", description = "The CRM reports what became of a lead."),
        (name = "Operation", description = "Health of the service, for those who run it."),
    )
)]
struct Description;

/// The document, as served below `issuer`.
#[must_use]
pub fn document(issuer: &str) -> OpenApi {
    let mut document = Description::openapi();
    document.servers = Some(vec![Server::new(issuer)]);
    let mut components = ComponentsBuilder::from(document.components.take().unwrap_or_default());
    for (name, scheme) in security(issuer) {
        components = components.security_scheme(name, scheme);
    }
    let mut components = components.build();
    // It is written out wherever it stands, and named nowhere.
    components.schemas.remove("OrderStage");
    document.components = Some(components);
    problems::describe(&mut document);
    examples::add(&mut document);
    wording::tidy(&mut document);
    document
}

const fn means(scope: Scope) -> &'static str {
    match scope {
        Scope::EventsWrite => "Post events, singly or in batches, and ask for quotes.",
        Scope::EventsRead => "Read one's own events and their receipts.",
        Scope::ReferralsRead => "Read the state of one's own referrals.",
        Scope::ConsentsWrite => "Withdraw the consents of one's own referrals.",
        Scope::FilesWrite => "Upload files of events, and see what became of them.",
        Scope::WebhooksManage => {
            "Say where one's own events are to be told, and see how that goes."
        }
        Scope::SettlementsRead => "Read the settlement statements of one's own closed months.",
        Scope::SettlementsAnswer => "Read and answer what the bank asks about one's statements.",
        Scope::StatementsWrite => "Hand in one's own statements, and see what became of them.",
    }
}

fn security(issuer: &str) -> [(&'static str, SecurityScheme); 4] {
    let scopes = Scope::ALL.map(|scope| (scope.name(), means(scope)));
    let flow = ClientCredentials::new(format!("{issuer}{TOKEN_PATH}"), Scopes::from_iter(scopes));
    let partner = OAuth2::with_description(
        [Flow::ClientCredentials(flow)],
        "For partners: client credentials, by private_key_jwt; a token that is bound to a key is sent \
         as `Authorization: DPoP`, with a proof in the header `DPoP` (RFC 9449).",
    );
    let bearer = |says: &str| {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT");
        SecurityScheme::Http(scheme.description(Some(says)).build())
    };
    let signature = ApiKeyValue::with_description(
        "webhook-signature",
        "For the CRM: Standard Webhooks, scheme v1, with the secret that it shares with the bank.",
    );
    [
        ("partner", SecurityScheme::OAuth2(partner)),
        ("customer", bearer("For customers, by the bank's identity provider.")),
        ("staff", bearer("For staff, with the role in `roles`, by the staff's identity provider.")),
        ("crm", SecurityScheme::ApiKey(ApiKey::Header(signature))),
    ]
}

/// `GET /openapi.json`.
pub async fn get_document(request: HttpRequest, gateway: web::Data<Gateway>) -> HttpResponse {
    let made = || Packed::of(document(&gateway.issuer).to_json().unwrap_or_default());
    let document = gateway.openapi.get_or_init(made);
    let mut answer = HttpResponse::Ok();
    answer
        .insert_header((header::CACHE_CONTROL, "public, max-age=300"))
        .insert_header((header::VARY, "Accept-Encoding"))
        .content_type("application/json");
    // Each reader shares the one buffer, so many slow readers hold little.
    match &document.gzip {
        Some(packed) if media::accepts_gzip(request.headers()) => {
            answer.insert_header((header::CONTENT_ENCODING, "gzip")).body(packed.clone())
        }
        _ => answer.body(document.plain.clone()),
    }
}

/// The page below `/docs/`, all of it from the binary.
#[must_use]
pub fn page() -> SwaggerUi {
    let config = Config::new([OPENAPI_PATH])
        .display_operation_id(false)
        .doc_expansion("list")
        .deep_linking(true)
        .use_base_layout()
        .validator_url("none");
    SwaggerUi::new("/docs/{_:.*}").config(config)
}
