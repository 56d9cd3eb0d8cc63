//! The routes of those who compare and settle, and of the partners who answer them.

use actix_web::web;

use crate::http::access::auth::{Caller, SettlementsAnswer};
use crate::http::access::staff::{Reconcile, Settle, Staff};
use crate::http::partner::{settlement_attachments, settlement_breaks, settlement_statements};
use crate::http::server::once::once;
use crate::http::server::paths::{STATEMENT_BYTES_MAX, at};
use crate::http::staff::{
    attachments, bank_breaks, bank_files, breaks, bulk_breaks, crm_results, expectations,
    reconciliation_report, reconciliations, separations, settlement_entries, settlements,
    statements,
};
use crate::reconcile::attachment::ATTACHMENT_BYTES_MAX;

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
pub fn reconcile_routes(config: &mut web::ServiceConfig) {
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
        .service(at(
            "/v1/reconciliation/statements/{statement}/original",
            web::get().to(statements::get_statement_original),
        ))
        .service(once::<Staff<Reconcile>>(
            "/v1/reconciliation/runs",
            web::post().to(reconciliations::run_reconciliation),
        ))
        .service(at(
            "/v1/reconciliation/runs/{run}",
            web::get().to(reconciliations::get_reconciliation),
        ))
        .configure(match_routes)
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
        .configure(break_routes)
        .service(once::<Staff<Settle>>(
            "/v1/settlements/{partner}/{period}/rejection",
            web::post().to(settlements::reject_settlement),
        ))
        .configure(settlement_routes);
}

/// Routes of those who look at matches, and have them ended.
fn match_routes(config: &mut web::ServiceConfig) {
    config
        .service(at("/v1/reconciliation/matches", web::get().to(separations::get_matches)))
        // Staff: reconcile
        .service(
            once::<Staff<Reconcile>>(
                "/v1/reconciliation/separations",
                web::post().to(separations::propose_separation),
            )
            .route(web::get().to(separations::get_separations)),
        )
        // Staff: settle
        .service(once::<Staff<Settle>>(
            "/v1/reconciliation/separations/{separation}/approval",
            web::post().to(separations::approve_separation),
        ))
        .service(once::<Staff<Settle>>(
            "/v1/reconciliation/separations/{separation}/rejection",
            web::post().to(separations::reject_separation),
        ));
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

/// Routes of those who decide on breaks, one by one or many at once.
fn break_routes(config: &mut web::ServiceConfig) {
    config
        .service(once::<Staff<Reconcile>>(
            "/v1/breaks:propose",
            web::post().to(bulk_breaks::propose_for_breaks),
        ))
        .service(once::<Staff<Settle>>(
            "/v1/breaks:approve",
            web::post().to(bulk_breaks::approve_for_breaks),
        ))
        .service(at("/v1/breaks", web::get().to(breaks::get_breaks)))
        .service(at("/v1/breaks/{break}", web::get().to(breaks::get_break)))
        .service(
            once::<Staff<Reconcile>>(
                "/v1/breaks/{break}/attachments",
                web::post().to(attachments::attach_to_break),
            )
            .route(web::get().to(attachments::get_break_attachments))
            .app_data(web::PayloadConfig::new(ATTACHMENT_BYTES_MAX)),
        )
        .service(at(
            "/v1/breaks/{break}/attachments/{attachment}",
            web::get().to(attachments::get_break_attachment),
        ))
        .service(
            once::<Caller<SettlementsAnswer>>(
                "/v1/settlement-breaks/{break}/attachments",
                web::post().to(settlement_attachments::attach_to_asked_break),
            )
            .route(web::get().to(settlement_attachments::get_asked_break_attachments))
            .app_data(web::PayloadConfig::new(ATTACHMENT_BYTES_MAX)),
        )
        .service(at(
            "/v1/settlement-breaks/{break}/attachments/{attachment}",
            web::get().to(settlement_attachments::get_asked_break_attachment),
        ))
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
        ));
}
