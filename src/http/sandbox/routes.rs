use actix_web::web;

use super::{clock, leads, members, redemptions};
use crate::http::access::auth::{Caller, EventsWrite};
use crate::http::server::once::once;
use crate::http::server::paths::at;

/// Routes of partners on trial: events:write.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            at("/v1/sandbox/clock", web::get().to(clock::get_clock))
                .route(web::put().to(clock::put_clock)),
        )
        .service(once::<Caller<EventsWrite>>(
            "/v1/sandbox/members",
            web::post().to(members::make_member),
        ))
        .service(once::<Caller<EventsWrite>>(
            "/v1/sandbox/referrals/{referral}/stage",
            web::post().to(leads::tell_stage),
        ))
        .service(once::<Caller<EventsWrite>>(
            "/v1/sandbox/redemptions/{event}/answer",
            web::post().to(redemptions::answer_redemption),
        ))
        .service(once::<Caller<EventsWrite>>(
            "/v1/sandbox/codes",
            web::post().to(members::make_sandbox_code),
        ));
}
