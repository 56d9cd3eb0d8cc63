//! Partners take away what they can check without us: that an event is in the chain of seals.

use actix_web::{HttpResponse, web};

use crate::http::Gateway;
use crate::http::access::auth::{Caller, EventsRead};
use crate::http::problem::Problem;
use crate::ids::{EventId, EventKey};
use crate::ledger::seal::inclusion::{self, Inclusion, Proof};

/// The proof that one of the caller's own events is sealed, to be checked without us.
#[utoipa::path(
    get, path = "/v1/events/{event}/proof", tag = "Events", security(("partner" = ["events:read"])),
    params(("event" = EventId, Path, description = "The event's id.")),
    responses((status = 200, description = "The proof.", body = Proof))
)]
pub async fn get_proof(
    caller: Caller<EventsRead>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = EventId::try_from(path.into_inner()).map_err(|_invalid| Problem::not_found())?;
    let key = EventKey::of(&caller.partner.id, &id);
    match gateway.books(&caller.partner).ask(move |db| inclusion::of_event(db, key)).await? {
        Inclusion::Proof(proof) => Ok(HttpResponse::Ok().json(proof)),
        Inclusion::NotSealed => Err(Problem::not_sealed()),
        Inclusion::Unknown => Err(Problem::not_found()),
        Inclusion::Broken => Err(Problem::internal("an event is not as it was sealed")),
    }
}
