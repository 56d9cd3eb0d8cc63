//! The console of the bank's staff: pages below `/console`, rendered here, which work without script.
//! A page reads what it shows by the acts of the rooms, and a form calls the same act as the API does.
//! Nothing here names the store. `doors` says who may open what.

mod admission;
mod approvals;
mod attachment_list;
mod attachments;
mod bank_breaks;
mod break_acts;
mod break_list;
mod break_page;
mod break_words;
mod bulk_breaks;
mod cookies;
mod decision_words;
mod doors;
mod files;
mod held;
mod held_referrals;
mod journal;
mod ledger;
mod lists;
mod operations;
mod operations_words;
mod own_sessions;
mod page;
mod partners;
mod readings;
mod reason;
mod refusal;
mod scheme_words;
mod settlement;
mod settlement_month;
mod settlement_words;
mod sign_in;
mod stories;
mod story_links;
mod story_page;
mod story_words;
mod task_words;
mod tasks;
mod today;
mod visit;
mod words;

use actix_web::dev::HttpServiceFactory;
use actix_web::middleware::from_fn;
use actix_web::{Resource, Route, web};

use crate::http::access::code_flow::CALLBACK_PATH;
use crate::http::server::paths::STATEMENT_BYTES_MAX;
use crate::reconcile::attachment::ATTACHMENT_BYTES_MAX;
pub use doors::{DOORS, Door, DoorMethod, DoorRoles};

/// All of the console. Without its settings each page is unknown.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(at("/assets/console.css", web::get().to(page::get_style)))
        .service(open(at("/console/sign-in", web::get().to(sign_in::get_sign_in))))
        .service(open(at(CALLBACK_PATH, web::get().to(sign_in::get_callback))))
        .service(open(at("/console/signed-out", web::get().to(sign_in::get_signed_out))))
        .service(closed(at("/console", web::get().to(today::get_console))))
        .service(closed(at("/console/today", web::get().to(today::get_today))))
        .service(closed(at("/console/sign-out", web::post().to(sign_in::post_sign_out))))
        .service(closed(at("/console/stay", web::get().to(own_sessions::get_stay))))
        .service(closed(at("/console/sessions", web::get().to(own_sessions::get_sessions))))
        .service(closed(at(
            "/console/sessions/{session}/end",
            web::post().to(own_sessions::post_end),
        )))
        .service(closed(at("/console/breaks", web::get().to(break_list::get_breaks))))
        .service(closed(at("/console/breaks/chosen", web::post().to(bulk_breaks::post_chosen))))
        .service(closed(at(
            "/console/breaks/chosen/proposals",
            web::post().to(bulk_breaks::post_proposals),
        )))
        .service(closed(at("/console/breaks/{break}", web::get().to(break_page::get_break))))
        .service(closed(at(
            "/console/breaks/{break}/proposals",
            web::post().to(break_acts::post_proposal),
        )))
        .service(closed(at("/console/breaks/{break}/notes", web::post().to(break_acts::post_note))))
        .service(closed(at(
            "/console/breaks/{break}/approval",
            web::post().to(break_acts::post_approval),
        )))
        .service(closed(at(
            "/console/breaks/{break}/rejection",
            web::post().to(break_acts::post_rejection),
        )))
        .service(closed(at("/console/approvals", web::get().to(approvals::get_proposals))))
        .service(closed(at(
            "/console/approvals/chosen",
            web::post().to(bulk_breaks::post_chosen_proposals),
        )))
        .service(closed(at(
            "/console/approvals/chosen/approval",
            web::post().to(bulk_breaks::post_approvals),
        )))
        .service(closed(at(
            "/console/approvals/corrections",
            web::get().to(approvals::get_corrections),
        )))
        .service(closed(at(
            "/console/approvals/corrections/{correction}",
            web::get().to(approvals::get_correction),
        )))
        .service(closed(at(
            "/console/approvals/corrections/{correction}/approval",
            web::post().to(approvals::post_approval),
        )))
        .service(closed(at(
            "/console/approvals/corrections/{correction}/rejection",
            web::post().to(approvals::post_rejection),
        )))
        .configure(decision_routes)
        .configure(story_routes)
        .configure(operations_routes)
        .configure(attachment_routes)
        .configure(settlement_routes);
}

fn decision_routes(config: &mut web::ServiceConfig) {
    let held = |rest: &str| format!("/console/approvals/held{rest}");
    let referrals = |rest: &str| format!("/console/approvals/referrals{rest}");
    let bank = |rest: &str| format!("/console/approvals/bank{rest}");
    config
        .service(closed(at(&held(""), web::get().to(held::get_held))))
        .service(closed(at(&held("/{held}"), web::get().to(held::get_one))))
        .service(closed(at(&held("/{held}/release"), web::post().to(held::post_release))))
        .service(closed(at(&held("/{held}/rejection"), web::post().to(held::post_rejection))))
        .service(closed(at(&referrals(""), web::get().to(held_referrals::get_held))))
        .service(closed(at(&referrals("/{referral}"), web::get().to(held_referrals::get_one))))
        .service(closed(at(
            &referrals("/{referral}/release"),
            web::post().to(held_referrals::post_release),
        )))
        .service(closed(at(
            &referrals("/{referral}/rejection"),
            web::post().to(held_referrals::post_rejection),
        )))
        .service(closed(at(&bank(""), web::get().to(bank_breaks::get_list))))
        .service(closed(at(&bank("/{entry}"), web::get().to(bank_breaks::get_one))))
        .service(closed(at(
            &bank("/{entry}/proposals"),
            web::post().to(bank_breaks::post_proposal),
        )))
        .service(closed(at(&bank("/{entry}/approval"), web::post().to(bank_breaks::post_approval))))
        .service(closed(at(
            &bank("/{entry}/rejection"),
            web::post().to(bank_breaks::post_rejection),
        )));
}

fn operations_routes(config: &mut web::ServiceConfig) {
    config
        .service(closed(at("/console/partners", web::get().to(partners::get_partners))))
        .service(closed(at("/console/partners/{partner}", web::get().to(partners::get_partner))))
        .service(closed(at(
            "/console/partners/{partner}/freeze",
            web::post().to(partners::post_freeze),
        )))
        .service(closed(at(
            "/console/partners/{partner}/freeze/end",
            web::post().to(partners::post_lift),
        )))
        .service(closed(at("/console/tasks", web::get().to(tasks::get_tasks))))
        .service(closed(at("/console/tasks/{task}", web::get().to(tasks::get_task))))
        .service(closed(at(
            "/console/tasks/{task}/completion",
            web::post().to(tasks::post_completion),
        )))
        .service(closed(at(
            "/console/tasks/{task}/cancellation",
            web::post().to(tasks::post_cancellation),
        )))
        .service(closed(at("/console/ledger", web::get().to(ledger::get_ledger))))
        .service(closed(at(
            "/console/ledger/{account}/{owner}",
            web::get().to(ledger::get_account),
        )))
        .service(closed(at("/console/readings", web::get().to(readings::get_readings))))
        .service(closed(at("/console/readings/file", web::get().to(readings::get_file))))
        .service(closed(at("/console/operations", web::get().to(operations::get_operations))))
        .service(closed(at(
            "/console/operations/messages/{message}/replay",
            web::post().to(operations::post_replay),
        )));
}

fn attachment_routes(config: &mut web::ServiceConfig) {
    // The file, and the form around it.
    let bytes_max = ATTACHMENT_BYTES_MAX.saturating_add(16 * 1024);
    config
        .service(closed(
            at("/console/breaks/{break}/attachments", web::post().to(attachments::post_attachment))
                .app_data(web::PayloadConfig::new(bytes_max)),
        ))
        .service(closed(at(
            "/console/breaks/{break}/attachments/{attachment}",
            web::get().to(attachments::get_attachment),
        )));
}

fn story_routes(config: &mut web::ServiceConfig) {
    config
        .service(closed(
            at("/console/find", web::get().to(stories::get_find))
                .route(web::post().to(stories::post_find)),
        ))
        .service(closed(at("/console/stories/events/{event}", web::get().to(stories::get_event))))
        .service(closed(at(
            "/console/stories/referrals/{referral}",
            web::get().to(stories::get_referral),
        )));
}

fn settlement_routes(config: &mut web::ServiceConfig) {
    let of_month = |rest: &str| format!("/console/settlement/{{partner}}/{{period}}{rest}");
    config
        .service(closed(
            at("/console/files", web::get().to(files::get_files))
                .route(web::post().to(files::post_file))
                .app_data(web::PayloadConfig::new(STATEMENT_BYTES_MAX)),
        ))
        .service(closed(at("/console/settlement", web::get().to(settlement::get_settlement))))
        .service(closed(at(&of_month(""), web::get().to(settlement_month::get_month))))
        .service(closed(at(&of_month("/proposal"), web::post().to(settlement::post_proposal))))
        .service(closed(at(&of_month("/close"), web::post().to(settlement::post_close))))
        .service(closed(at(&of_month("/rejection"), web::post().to(settlement::post_rejection))))
        .service(closed(at(&of_month("/comparison"), web::post().to(settlement::post_comparison))))
        .service(closed(at(&of_month("/payout"), web::post().to(settlement::post_payout))))
        .service(closed(at(
            &of_month("/statement/{format}"),
            web::get().to(settlement::get_statement),
        )));
}

fn at(path: &str, route: Route) -> Resource {
    web::resource(path).route(route)
}

/// A resource for everybody, whose problems are pages for people.
fn open(resource: Resource) -> impl HttpServiceFactory + 'static {
    resource.wrap(from_fn(refusal::as_page))
}

/// A resource for those whom `DOORS` names.
fn closed(resource: Resource) -> impl HttpServiceFactory + 'static {
    resource.wrap(from_fn(admission::admit)).wrap(from_fn(refusal::as_page))
}
