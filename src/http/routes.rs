//! Every route, with the callers that it serves.

use actix_web::http::Method;
use actix_web::web;

use crate::console;
use crate::http::access::auth::{
    Caller, ConsentsWrite, Customer, EventsWrite, SettlementsAnswer, WebhooksManage,
};
use crate::http::access::partner_or_staff::PartnerOrStaff;
use crate::http::access::staff::{
    Adjust, Announce, Approve, Decide, Manage, Operate, Privacy, Reconcile, Settle, Staff,
};
use crate::http::access::{local_provider_pages, metadata, revocation, token_endpoint};
use crate::http::customer::{
    codes, consents, contact, notices, own_referrals, person_data, points, redemptions,
};
use crate::http::merchant;
use crate::http::openapi;
use crate::http::operator::{health, metrics};
use crate::http::partner::{
    crm_feedback, events, imports, proofs, quotes, referrals, settlement_breaks,
    settlement_statements, stream, tus, uploads, webhook_deliveries, webhook_endpoints,
};
use crate::http::problem;
use crate::http::sandbox;
use crate::http::server::once::once;
use crate::http::server::paths::{
    self, BATCH_BYTES_MAX, EVENT_BYTES_MAX, FORM_BYTES_MAX, STATEMENT_BYTES_MAX, at, unknown,
};
use crate::http::staff::{
    announcements, approval_pairs, bank_breaks, bank_files, breaks, corrections, crm_results,
    customer_stages, dead_letters, erasures, expectations, exposure, flagged_payments, freezes,
    held, held_events, readings, reconciliation_report, reconciliations, settlement_entries,
    settlements, statements, tasks,
};

/// Every route.
pub fn routes(config: &mut web::ServiceConfig) {
    let bytes_max = |max: usize| web::PayloadConfig::new(max);
    config
        .app_data(bytes_max(EVENT_BYTES_MAX))
        .app_data(web::FormConfig::default().limit(FORM_BYTES_MAX))
        .app_data(web::QueryConfig::default().error_handler(problem::query))
        // Partners: authentication
        .service(at(paths::TOKEN_PATH, web::post().to(token_endpoint::issue_token)))
        .service(at(paths::REVOCATION_PATH, web::post().to(revocation::revoke_token)))
        .service(at("/oauth/jwks", web::get().to(metadata::get_jwks)))
        .service(at(paths::JWKS_PATH, web::get().to(metadata::get_jwks)))
        .service(at(paths::SANDBOX_JWKS_PATH, web::get().to(metadata::get_sandbox_jwks)))
        .service(at(paths::SERVER_PATH, web::get().to(metadata::get_metadata)))
        .service(at(paths::RESOURCE_PATH, web::get().to(metadata::get_resource_metadata)))
        // Partners: events:write
        .service(once::<Caller<EventsWrite>>("/v1/events", web::post().to(events::post_event)))
        .service(
            once::<Caller<EventsWrite>>(
                "/v1/events:batch",
                web::post().to(events::post_event_batch),
            )
            .app_data(bytes_max(BATCH_BYTES_MAX)),
        )
        // Without `once`: a stream has no end that could be waited for, and its events have ids.
        .service(at("/v1/events:stream", web::post().to(stream::post_event_stream)))
        .service(once::<Caller<EventsWrite>>("/v1/quotes", web::post().to(quotes::post_quote)))
        // Partners: events:read
        .service(at("/v1/events/{event}", web::get().to(events::get_event)))
        .service(at("/v1/events/{event}/receipt", web::get().to(events::get_receipt)))
        .service(at("/v1/events/{event}/proof", web::get().to(proofs::get_proof)))
        .configure(file_routes)
        .configure(sandbox::routes::routes)
        // Partners: webhooks:manage
        .configure(webhook_routes)
        // Partners: referrals:read
        .service(at("/v1/referrals", web::get().to(referrals::get_referrals)))
        .service(at("/v1/referrals/{referral}", web::get().to(referrals::get_referral)))
        // The CRM: signed, and done once by the message's own id
        .service(at("/v1/crm/feedback", web::post().to(crm_feedback::post_feedback)))
        .configure(customer_routes)
        .configure(staff_routes)
        .configure(exposure_routes)
        .configure(follow_up_routes)
        .configure(reconcile_routes)
        // Shops without software: signed in by their PIN
        .configure(merchant::routes)
        // Staff at the console: signed in by the bank's identity provider, or by that of a trial
        .configure(console::routes)
        .configure(local_provider_pages::routes)
        // Everybody: the reference
        .service(at(paths::OPENAPI_PATH, web::get().to(openapi::get_document)))
        .service(at("/problems/{slug}", web::get().to(problem::get_kind)))
        .service(web::redirect("/docs", "/docs/"))
        .service(openapi::page())
        // Operators; some load balancers ask by HEAD
        .service(
            at("/healthz", web::get().to(health::get_health))
                .route(web::head().to(health::get_health)),
        )
        .service(
            at("/readyz", web::get().to(health::get_readiness))
                .route(web::head().to(health::get_readiness)),
        )
        .default_service(web::to(unknown));
}

/// Routes of customers, and of consents.
fn customer_routes(config: &mut web::ServiceConfig) {
    config
        // Partners: referrals:read, or staff: privacy
        .service(at("/v1/consents/{consent}", web::get().to(consents::get_consent)))
        // Partners: consents:write, or staff: privacy
        .service(once::<PartnerOrStaff<ConsentsWrite, Privacy>>(
            "/v1/consents/{consent}/withdrawal",
            web::post().to(consents::withdraw_consent),
        ))
        // Customers
        .service(at("/v1/customers/me/points", web::get().to(points::get_points)))
        .service(once::<Customer>(
            "/v1/customers/me/members/{partner}",
            web::post().to(points::link_member),
        ))
        .service(at("/v1/customers/me/referrals", web::get().to(own_referrals::get_own_referrals)))
        .service(once::<Customer>(
            "/v1/customers/me/referrals/{referral}/confirmation",
            web::post().to(own_referrals::confirm_referral),
        ))
        .service(at("/v1/customers/me/redemptions", web::get().to(redemptions::get_redemptions)))
        .service(once::<Customer>(
            "/v1/customers/me/redemptions/{redemption}/confirmation",
            web::post().to(redemptions::confirm_redemption),
        ))
        .service(once::<Customer>(
            "/v1/customers/me/redemptions/{redemption}/rejection",
            web::post().to(redemptions::decline_redemption),
        ))
        .service(once::<Customer>("/v1/customers/me/codes", web::post().to(codes::make_code)))
        .service(once::<Customer>("/v1/customers/me/contact", web::post().to(contact::agree)))
        .service(once::<Customer>(
            "/v1/customers/me/contact/withdrawal",
            web::post().to(contact::withdraw_contact),
        ))
        .service(at("/v1/customers/me/notices", web::get().to(notices::get_notices)))
        .service(once::<Customer>(
            "/v1/customers/me/notices/{kind}/opt-out",
            web::post().to(notices::opt_out),
        ))
        .service(once::<Customer>(
            "/v1/customers/me/notices/{kind}/opt-in",
            web::post().to(notices::opt_in),
        ))
        .service(at("/v1/customers/me/consents", web::get().to(consents::get_own_consents)))
        .service(once::<Customer>(
            "/v1/customers/me/consents/{consent}/withdrawal",
            web::post().to(consents::withdraw_own_consent),
        ))
        .service(at("/v1/customers/me/data", web::get().to(person_data::get_own_data)))
        .service(once::<Customer>(
            "/v1/customers/me/erasure",
            web::post().to(erasures::erase_own_data),
        ));
}

/// Routes of the bank's staff, each with its role.
fn staff_routes(config: &mut web::ServiceConfig) {
    config
        // Staff: privacy
        .service(once::<Staff<Privacy>>(
            "/v1/customers/data",
            web::post().to(person_data::find_data),
        ))
        .service(
            once::<Staff<Privacy>>("/v1/erasures", web::post().to(erasures::post_erasure))
                .route(web::get().to(erasures::get_erasures)),
        )
        .service(at("/v1/erasures/{erasure}", web::get().to(erasures::get_erasure)))
        .service(at("/v1/readings", web::get().to(readings::get_readings)))
        // Staff: adjust
        .service(once::<Staff<Adjust>>(
            "/v1/adjustments",
            web::post().to(corrections::propose_adjustment),
        ))
        .service(once::<Staff<Adjust>>(
            "/v1/transactions/{transaction}/reversal",
            web::post().to(corrections::propose_reversal),
        ))
        // Staff: approve
        .service(once::<Staff<Approve>>(
            "/v1/corrections/{correction}/approval",
            web::post().to(corrections::approve),
        ))
        .service(once::<Staff<Approve>>(
            "/v1/corrections/{correction}/rejection",
            web::post().to(corrections::reject),
        ))
        // Staff: decide
        .service(at("/v1/held-referrals", web::get().to(held::get_held)))
        .service(once::<Staff<Decide>>(
            "/v1/referrals/{referral}/release",
            web::post().to(held::release),
        ))
        .service(once::<Staff<Decide>>(
            "/v1/referrals/{referral}/rejection",
            web::post().to(held::reject_referral),
        ))
        // Staff: read
        .service(at(paths::INTROSPECTION_PATH, web::post().to(revocation::introspect_token)))
        .service(at("/v1/corrections", web::get().to(corrections::get_corrections)))
        .service(at("/v1/corrections/{correction}", web::get().to(corrections::get_correction)))
        .service(at("/v1/approval-pairs", web::get().to(approval_pairs::get_approval_pairs)))
        .service(at("/v1/flagged-payments", web::get().to(flagged_payments::get_flagged_payments)))
        // Staff: read, where the settings let them
        .service(at("/metrics", web::get().to(metrics::get_metrics)))
        // Staff: operate
        .service(at("/v1/dead-letters", web::get().to(dead_letters::get_dead_letters)))
        .service(once::<Staff<Operate>>(
            "/v1/dead-letters/{message}/replay",
            web::post().to(dead_letters::replay_dead_letter),
        ));
}

/// Routes about what is held, limits of exposure, and freezes.
fn exposure_routes(config: &mut web::ServiceConfig) {
    config
        // Staff: read
        .service(at("/v1/held-events", web::get().to(held_events::get_held_events)))
        .service(at("/v1/held-events/{held}", web::get().to(held_events::get_held_event)))
        .service(at("/v1/alarms", web::get().to(exposure::get_alarms)))
        .service(at("/v1/partners/{partner}/exposure", web::get().to(exposure::get_exposure)))
        .service(at("/v1/freezes", web::get().to(freezes::get_freezes)))
        // Staff: decide
        .service(once::<Staff<Decide>>(
            "/v1/held-events/{held}/release",
            web::post().to(held_events::release_event),
        ))
        .service(once::<Staff<Decide>>(
            "/v1/held-events/{held}/rejection",
            web::post().to(held_events::reject_event),
        ))
        .service(once::<Staff<Decide>>(
            "/v1/partners/{partner}/freeze",
            web::post().to(freezes::freeze_partner),
        ))
        .service(once::<Staff<Decide>>(
            "/v1/partners/{partner}/freeze/end",
            web::post().to(freezes::lift_freeze),
        ));
}

/// Routes about customers after the lead, for staff and for the bank's own systems.
fn follow_up_routes(config: &mut web::ServiceConfig) {
    config
        // Staff: announce
        .service(once::<Staff<Announce>>(
            "/v1/announcements",
            web::post().to(announcements::post_announcement),
        ))
        .service(at(
            "/v1/announcements/{announcement}",
            web::get().to(announcements::get_announcement),
        ))
        .service(once::<Staff<Announce>>(
            "/v1/announcements/{announcement}/cancellation",
            web::post().to(announcements::cancel_announcement),
        ))
        // Staff: manage
        .service(at("/v1/customer-stages", web::get().to(customer_stages::get_stages)))
        .service(at("/v1/customers/{customer}/stage", web::get().to(customer_stages::get_stage)))
        .service(at("/v1/tasks", web::get().to(tasks::get_tasks)))
        .service(at("/v1/tasks/{task}", web::get().to(tasks::get_task)))
        .service(once::<Staff<Manage>>(
            "/v1/tasks/{task}/completion",
            web::post().to(tasks::complete_task),
        ))
        .service(once::<Staff<Manage>>(
            "/v1/tasks/{task}/cancellation",
            web::post().to(tasks::cancel_task),
        ));
}

/// Routes about what the bank answers, and what is expected.
fn bank_routes(config: &mut web::ServiceConfig) {
    config
        // Staff: reconcile
        .service(at(
            "/v1/settlements/{partner}/{period}/payout/state",
            web::get().to(bank_files::get_payout_state),
        ))
        .service(at(
            "/v1/reconciliation/expectations",
            web::get().to(expectations::get_expectations),
        ))
        .service(at(
            "/v1/reconciliation/expectations/{partner}/{period}",
            web::get().to(expectations::get_expected_events),
        ))
        .service(at(
            "/v1/reconciliation/report",
            web::get().to(reconciliation_report::get_reconciliation_report),
        ))
        .service(at("/v1/reconciliation/crm-results", web::get().to(crm_results::get_crm_results)))
        .service(at("/v1/bank-breaks", web::get().to(bank_breaks::get_bank_breaks)))
        .service(at("/v1/bank-breaks/{bank_break}", web::get().to(bank_breaks::get_bank_break)))
        .service(once::<Staff<Reconcile>>(
            "/v1/bank-breaks/{bank_break}/proposals",
            web::post().to(bank_breaks::propose_for_bank_break),
        ))
        // Staff: settle
        .service(
            once::<Staff<Settle>>(
                "/v1/reconciliation/bank-statements",
                web::post().to(bank_files::post_bank_statement),
            )
            .app_data(web::PayloadConfig::new(STATEMENT_BYTES_MAX)),
        )
        .service(once::<Staff<Settle>>(
            "/v1/bank-breaks/{bank_break}/approval",
            web::post().to(bank_breaks::approve_for_bank_break),
        ))
        .service(once::<Staff<Settle>>(
            "/v1/bank-breaks/{bank_break}/rejection",
            web::post().to(bank_breaks::reject_for_bank_break),
        ));
}

/// Routes of those who compare and settle, and of the partners who answer them.
fn reconcile_routes(config: &mut web::ServiceConfig) {
    config
        // Staff: reconcile
        .service(
            once::<Staff<Reconcile>>(
                "/v1/reconciliation/statements",
                web::post().to(statements::post_statement),
            )
            .route(web::get().to(statements::get_statements))
            .app_data(web::PayloadConfig::new(STATEMENT_BYTES_MAX)),
        )
        .service(once::<Staff<Reconcile>>(
            "/v1/reconciliation/runs",
            web::post().to(reconciliations::run_reconciliation),
        ))
        .service(at(
            "/v1/reconciliation/runs/{run}",
            web::get().to(reconciliations::get_reconciliation),
        ))
        .service(at("/v1/breaks", web::get().to(breaks::get_breaks)))
        .service(at("/v1/breaks/{break}", web::get().to(breaks::get_break)))
        .service(once::<Staff<Reconcile>>(
            "/v1/breaks/{break}/proposals",
            web::post().to(breaks::propose_for_break),
        ))
        .service(once::<Staff<Reconcile>>(
            "/v1/breaks/{break}/notes",
            web::post().to(breaks::note_on_break),
        ))
        // Staff: settle
        .service(once::<Staff<Settle>>(
            "/v1/breaks/{break}/approval",
            web::post().to(breaks::approve_for_break),
        ))
        .service(once::<Staff<Settle>>(
            "/v1/breaks/{break}/rejection",
            web::post().to(breaks::reject_for_break),
        ))
        .service(once::<Staff<Reconcile>>(
            "/v1/settlements",
            web::post().to(settlements::propose_settlement),
        ))
        .service(at(
            "/v1/settlements/{partner}/{period}",
            web::get().to(settlements::get_settlement),
        ))
        .service(once::<Staff<Settle>>(
            "/v1/settlements/{partner}/{period}/close",
            web::post().to(settlements::close_settlement),
        ))
        .service(at(
            "/v1/settlements/{partner}/{period}/payout",
            web::get().to(settlements::get_payout),
        ))
        .configure(bank_routes)
        .service(once::<Staff<Settle>>(
            "/v1/settlements/{partner}/{period}/rejection",
            web::post().to(settlements::reject_settlement),
        ))
        .configure(settlement_routes);
}

/// Routes of what a settlement is made of, and of the partners who read their statements.
fn settlement_routes(config: &mut web::ServiceConfig) {
    config
        // Staff: reconcile
        .service(at(
            "/v1/settlements/{partner}/{period}/entries",
            web::get().to(settlement_entries::get_settlement_entries),
        ))
        .service(at(
            "/v1/settlements/{partner}/{period}/file",
            web::get().to(settlement_entries::get_settlement_file),
        ))
        .service(at(
            "/v1/settlements/{partner}/{period}/answers",
            web::get().to(settlement_entries::get_settlement_answers),
        ))
        .service(at(
            "/v1/transactions/{transaction}/settlement",
            web::get().to(settlement_entries::get_transaction_settlement),
        ))
        // Partners: settlements:read
        .service(at(
            "/v1/settlement-statements",
            web::get().to(settlement_statements::get_settlement_statements),
        ))
        .service(at(
            "/v1/settlement-statements/{period}",
            web::get().to(settlement_statements::get_settlement_statement),
        ))
        .service(at(
            "/v1/settlement-statements/{period}/entries",
            web::get().to(settlement_statements::get_statement_entries),
        ))
        .service(at(
            "/v1/settlement-statements/{period}/file",
            web::get().to(settlement_statements::get_statement_file),
        ))
        .service(at(
            "/v1/events/{event}/settlement",
            web::get().to(settlement_statements::get_event_settlement),
        ))
        // Partners: settlements:answer
        .service(once::<Caller<SettlementsAnswer>>(
            "/v1/settlement-statements/{period}/answers",
            web::post().to(settlement_statements::answer_statement),
        ))
        .service(at("/v1/settlement-breaks", web::get().to(settlement_breaks::get_asked_breaks)))
        .service(at(
            "/v1/settlement-breaks/{break}",
            web::get().to(settlement_breaks::get_asked_break),
        ))
        .service(once::<Caller<SettlementsAnswer>>(
            "/v1/settlement-breaks/{break}/answers",
            web::post().to(settlement_breaks::answer_break),
        ));
}

/// Partners: files:write. Without `once`: an upload that is begun twice only expires.
fn file_routes(config: &mut web::ServiceConfig) {
    config
        .service(
            at(paths::UPLOADS_PATH, web::post().to(uploads::create_upload))
                .route(web::method(Method::OPTIONS).to(tus::get_options)),
        )
        .service(
            at("/v1/uploads/{import}", web::head().to(uploads::get_upload))
                .route(web::patch().to(uploads::append_upload))
                .route(web::delete().to(uploads::delete_upload)),
        )
        .service(at("/v1/imports", web::get().to(imports::get_imports)))
        .service(at("/v1/imports/{import}", web::get().to(imports::get_import)))
        .service(at("/v1/imports/{import}/rejects", web::get().to(imports::get_rejects)));
}

/// Routes of webhooks: webhooks:manage.
fn webhook_routes(config: &mut web::ServiceConfig) {
    config
        .service(
            once::<Caller<WebhooksManage>>(
                "/v1/webhook-endpoints",
                web::post().to(webhook_endpoints::make_endpoint),
            )
            .route(web::get().to(webhook_endpoints::get_endpoints)),
        )
        .service(at(
            "/v1/webhook-endpoints/{endpoint}",
            web::delete().to(webhook_endpoints::delete_endpoint),
        ))
        .service(once::<Caller<WebhooksManage>>(
            "/v1/webhook-endpoints/{endpoint}/secret-rotation",
            web::post().to(webhook_endpoints::rotate_secret),
        ))
        .service(once::<Caller<WebhooksManage>>(
            "/v1/webhook-endpoints/{endpoint}/test",
            web::post().to(webhook_endpoints::test_endpoint),
        ))
        .service(at("/v1/webhook-deliveries", web::get().to(webhook_deliveries::get_deliveries)))
        .service(once::<Caller<WebhooksManage>>(
            "/v1/webhook-deliveries/{message}/replay",
            web::post().to(webhook_deliveries::replay_delivery),
        ));
}
