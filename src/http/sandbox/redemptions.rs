//! What a customer would say to a redemption that waits for them, played by the partner on trial.

use actix_web::{HttpResponse, web};

use super::on_trial;
use crate::customer::redemptions::{self, AskedRedemption};
use crate::event::{self, FieldReader};
use crate::http::Gateway;
use crate::http::access::auth::{Caller, EventsWrite};
use crate::http::problem::Problem;
use crate::http::schemas::requests::AnswerBody;
use crate::http::server::media::JsonBody;
use crate::ids::{EventId, EventKey};
use crate::program::CustomerAnswer;
use crate::writer::{AnswerOrder, Answerer};

/// Plays the customer of a redemption beyond the programme's limit: confirms it in the bank's app, or
/// declines it.
#[utoipa::path(
    post, path = "/v1/sandbox/redemptions/{event}/answer", tag = "Sandbox",
    security(("partner" = ["events:write"])),
    params(("event" = EventId, Path, description = "The `id` of the hold's event.")),
    request_body = AnswerBody,
    responses((status = 200, description = "What the customer said.", body = AskedRedemption))
)]
pub async fn answer_redemption(
    caller: Caller<EventsWrite>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    on_trial(&caller.partner)?;
    let event = EventId::try_from(path.into_inner()).map_err(|_invalid| Problem::not_found())?;
    let answer = event::read_object(&body, read)?;
    let partner = caller.partner.id.clone();
    let hold = EventKey::of(&partner, &event);
    let order = AnswerOrder { hold, by: Answerer::Trial(partner), answer };
    let writer = &gateway.books(&caller.partner).writer;
    let asked = redemptions::answer(order, writer, &gateway.registry).await?;
    Ok(HttpResponse::Ok().json(asked))
}

fn read(body: &mut FieldReader<'_>) -> Option<CustomerAnswer> {
    match body.text("answer", 20)? {
        "confirmed" => Some(CustomerAnswer::Confirm),
        "declined" => Some(CustomerAnswer::Decline),
        _other => {
            body.fail("answer", "expected confirmed or declined".to_owned());
            None
        }
    }
}
