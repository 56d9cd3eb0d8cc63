//! The CRM reports by itself what became of a lead, in a message signed by Standard Webhooks.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::{self, Moment};
use crate::crm::CrmStage;
use crate::crm::feedback::FeedbackOutcome;
use crate::crm::message::{self, Received, Report};
use crate::crm::standard_webhook::{Headers, ID, SIGNATURE, TIMESTAMP, Unbelieved};
use crate::event::{FieldProblem, Malformed, read_json};
use crate::http::Gateway;
use crate::http::problem::{self, Problem};
use crate::http::server::media::JsonBody;
use crate::ids::ReferralId;
use crate::referral::Actor;

/// A message that reports a lead's stage.
#[derive(Deserialize, ToSchema)]
#[schema(as = CrmMessage)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Message {
    /// `lead.stage`.
    #[serde(rename = "type")]
    #[schema(pattern = "^lead\\.stage$")]
    kind: String,
    /// When it came to that.
    #[schema(value_type = String, format = DateTime)]
    timestamp: String,
    data: LeadStage,
}

/// No reason is taken: nobody here is to know why a bank declines.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct LeadStage {
    #[schema(value_type = ReferralId)]
    lead: uuid::Uuid,
    #[schema(pattern = "^(contacted|converted|first_repayment|lost|cancelled)$")]
    stage: String,
}

/// The outcome of a message.
#[derive(Serialize, ToSchema)]
#[schema(as = LeadStageTold)]
pub struct View {
    lead: ReferralId,
    /// Where the referral stands now.
    state: &'static str,
    /// Whether this message moved the referral. A late or repeated message moves nothing.
    moved: bool,
}

impl View {
    pub(in crate::http) const fn of(lead: ReferralId, told: &FeedbackOutcome) -> Self {
        Self { lead, state: told.state.name(), moved: told.moved }
    }
}

/// Reports that a lead has come to a stage. The same message again, by its `webhook-id`, is done
/// once.
#[utoipa::path(
    post, path = "/v1/crm/feedback", tag = "CRM", security(("crm" = [])),
    params(
        ("webhook-id" = String, Header, description = "The message's id."),
        ("webhook-timestamp" = String, Header, description = "Unix seconds when it was sent."),
    ),
    request_body = Message,
    responses((status = 200, description = "Where the referral stands now.", body = View))
)]
pub async fn post_feedback(
    request: HttpRequest,
    gateway: web::Data<Gateway>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let id = believe(&request, &gateway, &body, clock::now())?;
    let (lead, stage) = read(&body)?;
    let who = Actor::Crm("webhook".to_owned());
    match message::receive(&who, &gateway.main, Report { id, lead, stage }).await? {
        Received::Done(told) => Ok(HttpResponse::Ok().json(View::of(lead, &told))),
        Received::Unknown => Err(Problem::not_found()),
    }
}

/// The message's id, when it is the CRM that speaks, now.
fn believe(
    request: &HttpRequest,
    gateway: &Gateway,
    body: &[u8],
    now: Moment,
) -> Result<String, Problem> {
    let header = |name: &str| {
        let value = request.headers().get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default()
    };
    let headers =
        Headers { id: header(ID), timestamp: header(TIMESTAMP), signature: header(SIGNATURE) };
    if headers.id.is_empty() || headers.timestamp.is_empty() {
        let missing = "webhook-id and webhook-timestamp are needed";
        return Err(Problem::new(&problem::SIGNATURE_MALFORMED, missing));
    }
    let Some(secret) = &gateway.feedback_secret else { return Err(Problem::not_found()) };
    secret.verify(&headers, body, now).map_err(|unbelieved| match unbelieved {
        Unbelieved::Id => Problem::new(&problem::SIGNATURE_MALFORMED, unbelieved.to_string()),
        Unbelieved::Timestamp | Unbelieved::Signature => {
            Problem::new(&problem::SIGNATURE_INVALID, unbelieved.to_string())
        }
    })?;
    Ok(headers.id.to_owned())
}

fn read(body: &[u8]) -> Result<(ReferralId, CrmStage), Problem> {
    let message = read_json(body)?;
    // Serde's own words may repeat what was sent.
    let message: Message = serde_json::from_value(message).map_err(|_other| {
        invalid("", "expected type, timestamp, and data of lead and stage, and nothing else")
    })?;
    if message.kind != "lead.stage" {
        return Err(invalid("/type", "expected \"lead.stage\""));
    }
    if Moment::parse(&message.timestamp).is_none() {
        return Err(invalid("/timestamp", "expected an RFC 3339 date-time"));
    }
    let stage = CrmStage::by_name(&message.data.stage).ok_or_else(|| {
        let known = "expected contacted, converted, first_repayment, lost or cancelled";
        invalid("/data/stage", known)
    })?;
    Ok((ReferralId::from_uuid(message.data.lead), stage))
}

fn invalid(pointer: &str, detail: &str) -> Problem {
    let field = FieldProblem { pointer: pointer.to_owned(), detail: detail.to_owned() };
    Malformed::Fields(vec![field]).into()
}
