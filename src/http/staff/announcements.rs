//! The bank's own systems announce what will fall due for customers, and cancel it again.

use actix_web::{HttpResponse, web};
use chrono::NaiveDate;
use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::{self, Moment};
use crate::event::{FieldReader, read_object};
use crate::http::Gateway;
use crate::http::access::staff::{Announce, Staff};
use crate::http::problem::Problem;
use crate::http::schemas::follow_up::{AnnouncementBody, CancellationBody};
use crate::http::server::media::JsonBody;
use crate::http::server::paths::REPLAYED;
use crate::http::staff::reason::read_reason;
use crate::ids::{AnnouncementId, StaffId};
use crate::money::{Amount, Asset};
use crate::notice::announcing::{
    self, Announced, AnnouncingOutcome, CancellingOutcome, NewAnnouncement,
};
use crate::partner::notice::NoticeKind;
use crate::store::announcements::NoticeOf;

const CUSTOMER_CHARACTERS_MAX: usize = 255;

/// What will fall due, and which notices came of it.
#[derive(Serialize, ToSchema)]
#[schema(as = Announcement)]
pub(in crate::http) struct View {
    id: AnnouncementId,
    kind: String,
    amount: Amount,
    currency: Asset,
    #[schema(value_type = String, format = Date)]
    due_on: NaiveDate,
    /// `announced` or `cancelled`.
    state: &'static str,
    /// Law or contract asks for these notices: nobody can opt out of them.
    required: bool,
    announced_by: StaffId,
    recorded_at: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancelled_by: Option<StaffId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancelled_because: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancelled_at: Option<Moment>,
    /// Those queued so far, the earliest first.
    notices: Vec<NoticeView>,
}

/// One notice.
#[derive(Serialize, ToSchema)]
#[schema(as = AnnouncementNotice)]
struct NoticeView {
    /// How many days ahead, at most.
    days: i64,
    /// `waiting`, `delivered`, `dead` or `cancelled`.
    state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivered_at: Option<Moment>,
}

/// Something will fall due for a customer: once for each id. The customer is told as many days
/// ahead as the programme says.
#[utoipa::path(
    post, path = "/v1/announcements", tag = "Follow-up", security(("staff" = ["announce"])),
    request_body = AnnouncementBody,
    responses(
        (status = 201, description = "Announced.", body = View),
        (status = 200, description = "Announced before.", body = View),
    )
)]
pub async fn post_announcement(
    staff: Staff<Announce>,
    gateway: web::Data<Gateway>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let now = clock::now();
    let (programme, today) = (gateway.registry.programme(), gateway.day(now));
    let new = read_object(&body, |body| read(body, &programme.notice, today))?;
    let announce = move |db: &mut _| announcing::announce(staff.id, db, new, now);
    Ok(match gateway.main.ask_or(announce).await? {
        AnnouncingOutcome::Announced(announced) => {
            HttpResponse::Created().json(View::of(&gateway, announced))
        }
        AnnouncingOutcome::AnnouncedBefore(announced) => {
            HttpResponse::Ok().insert_header((REPLAYED, "true")).json(View::of(&gateway, announced))
        }
    })
}

/// What was announced under an id, and which notices came of it.
#[utoipa::path(
    get, path = "/v1/announcements/{announcement}", tag = "Follow-up",
    security(("staff" = ["announce"])),
    params(("announcement" = AnnouncementId, Path, description = "The id it was announced by.")),
    responses((status = 200, description = "The announcement.", body = View))
)]
pub async fn get_announcement(
    _staff: Staff<Announce>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = read_id(&path)?;
    let found = gateway.main.ask(move |db| announcing::read(db, &id)).await?;
    let announced = found.ok_or_else(Problem::not_found)?;
    Ok(HttpResponse::Ok().json(View::of(&gateway, announced)))
}

/// It will not fall due after all: what waits is not sent. A notice that was delivered is not
/// called back; the answer says which were.
#[utoipa::path(
    post, path = "/v1/announcements/{announcement}/cancellation", tag = "Follow-up",
    security(("staff" = ["announce"])),
    params(("announcement" = AnnouncementId, Path, description = "The id it was announced by.")),
    request_body = CancellationBody,
    responses((status = 200, description = "Cancelled, now or before.", body = View))
)]
pub async fn cancel_announcement(
    staff: Staff<Announce>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let id = read_id(&path)?;
    let because = read_object(&body, read_reason)?;
    let cancel = move |db: &mut _| announcing::cancel(staff.id, db, &id, because, clock::now());
    Ok(match gateway.main.ask_or(cancel).await? {
        CancellingOutcome::Cancelled(announced) => {
            HttpResponse::Ok().json(View::of(&gateway, announced))
        }
        CancellingOutcome::CancelledBefore(announced) => {
            HttpResponse::Ok().insert_header((REPLAYED, "true")).json(View::of(&gateway, announced))
        }
    })
}

fn read_id(path: &str) -> Result<AnnouncementId, Problem> {
    AnnouncementId::try_from(path).map_err(|_invalid| Problem::not_found())
}

fn read(
    body: &mut FieldReader<'_>,
    kinds: &[NoticeKind],
    today: NaiveDate,
) -> Option<NewAnnouncement> {
    let id = body.parsed("id");
    let announced =
        || kinds.iter().filter(|kind| kind.is_announced()).map(|known| known.kind.as_str());
    let kind = body.text("kind", 40).map(str::to_owned);
    if kind.as_deref().is_some_and(|kind| !announced().any(|known| known == kind)) {
        let known: Vec<&str> = announced().collect();
        body.fail("kind", format!("expected {}", known.join(", ")));
    }
    let subject = body.text("customer", CUSTOMER_CHARACTERS_MAX).map(str::to_owned);
    let currency = body.currency();
    let amount = body.amount("amount", currency);
    if amount.is_some_and(Amount::is_zero) {
        body.fail("amount", "must not be 0");
    }
    let due_on = read_day(body, today);
    Some(NewAnnouncement {
        id: id?,
        kind: kind?,
        subject: subject?,
        amount: amount?,
        due_on: due_on?,
    })
}

fn read_day(body: &mut FieldReader<'_>, today: NaiveDate) -> Option<NaiveDate> {
    let Ok(day) = body.text("due_on", 10)?.parse::<NaiveDate>() else {
        body.fail("due_on", "expected a date, such as \"2026-12-31\"");
        return None;
    };
    if day < today {
        body.fail("due_on", "that day is over");
    }
    Some(day)
}

impl View {
    fn of(gateway: &Gateway, announced: Announced) -> Self {
        let Announced { announcement, notices } = announced;
        let programme = gateway.registry.programme();
        let notice = |of: NoticeOf| NoticeView {
            days: of.days,
            state: of.state,
            delivered_at: of.delivered_at,
        };
        let state = if announcement.cancelled.is_some() { "cancelled" } else { "announced" };
        let (by, because, at) = match announcement.cancelled {
            Some(cancelled) => (Some(cancelled.by), Some(cancelled.because), Some(cancelled.at)),
            None => (None, None, None),
        };
        Self {
            id: announcement.id,
            required: programme.notice(&announcement.kind).is_some_and(|kind| kind.required),
            kind: announcement.kind,
            amount: announcement.amount,
            currency: announcement.amount.asset(),
            due_on: announcement.due_on,
            state,
            announced_by: announcement.announced_by,
            recorded_at: announcement.recorded_at,
            cancelled_by: by,
            cancelled_because: because,
            cancelled_at: at,
            notices: notices.into_iter().map(notice).collect(),
        }
    }
}
