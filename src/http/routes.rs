//! Every route, with the callers that it serves.

use actix_web::http::Method;
use actix_web::web;

use crate::console;
use crate::http::access::auth::{Caller, ConsentsWrite, Customer, EventsWrite, WebhooksManage};
use crate::http::access::partner_or_staff::PartnerOrStaff;
use crate::http::access::staff::{
    Adjust, Announce, Approve, Decide, Manage, Operate, Privacy, Staff,
};
use crate::http::access::{local_app, local_provider_pages, metadata, revocation, token_endpoint};
use crate::http::customer::{
    codes, consents, contact, hand_overs, notices, own_referrals, person_data, points, redemptions,
};
use crate::http::merchant;
use crate::http::openapi;
use crate::http::operator::{health, metrics};
use crate::http::partner::{
    crm_feedback, events, imports, proofs, quotes, referrals, statement_uploads, stream, tus,
    uploads, webhook_deliveries, webhook_endpoints,
};
use crate::http::problem;
use crate::http::reconcile_routes;
use crate::http::sandbox;
use crate::http::server::once::once;
use crate::http::server::paths::{
    self, BATCH_BYTES_MAX, EVENT_BYTES_MAX, FORM_BYTES_MAX, at, unknown,
};
use crate::http::staff::{
    announcements, approval_pairs, corrections, customer_stages, dead_letters, erasures, exposure,
    flagged_payments, freezes, held, held_events, readings, tasks,
};
use crate::wallet;

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
        .configure(reconcile_routes::reconcile_routes)
        // Shops without software: signed in by their PIN
        .configure(merchant::routes)
        // Staff at the console: signed in by the bank's identity provider, or by that of a trial
        .configure(console::routes)
        .configure(local_provider_pages::routes)
        .configure(local_app::routes)
        // Customers at the wallet: handed over from the bank's app
        .configure(wallet::routes)
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
        // Without `once`: the answer is a secret that is good for a minute, and is kept nowhere.
        .service(at("/v1/customers/me/hand-overs", web::post().to(hand_overs::hand_over)))
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
        .service(
            at(
                paths::STATEMENT_UPLOADS_PATH,
                web::post().to(statement_uploads::create_statement_upload),
            )
            .route(web::method(Method::OPTIONS).to(tus::get_options)),
        )
        .service(
            at(
                "/v1/statement-uploads/{statement_upload}",
                web::get().to(statement_uploads::get_statement_upload),
            )
            .route(web::head().to(statement_uploads::get_statement_upload_offset))
            .route(web::patch().to(statement_uploads::append_statement_upload))
            .route(web::delete().to(statement_uploads::delete_statement_upload)),
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
