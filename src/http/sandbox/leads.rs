//! What the bank's CRM would report, played by the partner on trial itself.

use actix_web::{HttpResponse, web};

use super::on_trial;
use crate::crm::CrmStage;
use crate::crm::feedback::report;
use crate::event::{self, FieldReader};
use crate::http::Gateway;
use crate::http::access::auth::{Caller, EventsWrite};
use crate::http::partner::crm_feedback::View;
use crate::http::problem::Problem;
use crate::http::schemas::requests::StageBody;
use crate::http::server::media::JsonBody;
use crate::ids::ReferralId;
use crate::referral::Actor;
use crate::store::referrals;

/// Plays the bank's CRM for the lead of one of the partner's referrals. The report moves the
/// referral, gives rewards or takes them back, and causes webhooks. A late or repeated report moves
/// nothing.
#[utoipa::path(
    post, path = "/v1/sandbox/referrals/{referral}/stage", tag = "Sandbox",
    security(("partner" = ["events:write"])),
    params(("referral" = ReferralId, Path, description = "The `referral.id` of its receipt.")),
    request_body = StageBody,
    responses((status = 200, description = "Where the referral stands now.", body = View))
)]
pub async fn tell_stage(
    caller: Caller<EventsWrite>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    on_trial(&caller.partner)?;
    let lead = ReferralId::try_from(path.as_str()).map_err(|_invalid| Problem::not_found())?;
    let stage = event::read_object(&body, read)?;
    let (books, owner) = (gateway.books(&caller.partner), caller.partner.id.clone());
    let own = books.ask(move |db| referrals::of_partner(db, &owner, lead)).await?;
    own.ok_or_else(Problem::not_found)?;
    let by = Actor::Crm("sandbox".to_owned());
    let told = report(&books.pool, &books.writer, lead, stage, &by).await?;
    Ok(HttpResponse::Ok().json(View::of(lead, &told)))
}

fn read(body: &mut FieldReader<'_>) -> Option<CrmStage> {
    let name = body.text("stage", 20)?;
    let stage = CrmStage::by_name(name);
    if stage.is_none() {
        let names = CrmStage::ALL.map(CrmStage::name).join(", ");
        body.fail("stage", format!("expected one of {names}"));
    }
    stage
}
