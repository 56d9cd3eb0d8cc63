//! The bank's own systems announce what will fall due for customers, who are told some days ahead;
//! and cancel it again, because it was paid, say.

use actix_web::{HttpResponse, web};
use chrono::NaiveDate;
use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::{self, Moment};
use crate::event::{Reader, read_object};
use crate::http::Gateway;
use crate::http::access::staff::{Announce, Staff};
use crate::http::openapi::follow_up::{AnnouncementBody, CancellationBody};
use crate::http::problem::{ANNOUNCEMENT_CONFLICT, CUSTOMER_UNKNOWN, Problem};
use crate::http::server::idempotency::REPLAYED;
use crate::http::staff::corrections::read_reason;
use crate::ids::{AnnouncementId, StaffId};
use crate::money::{Amount, Asset};
use crate::partner::notice::{NoticeKind, POINTS_EXPIRING};
use crate::store::announcements::{self, Announcement, Cancelled, NoticeOf, Recorded};
use crate::store::{Db, StoreError, customers};

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
    /// Those put in line so far, the earliest first.
    notices: Vec<Told>,
}

/// One notice.
#[derive(Serialize, ToSchema)]
#[schema(as = AnnouncementNotice)]
struct Told {
    /// How many days ahead, at most.
    days: i64,
    /// `waiting`, `delivered`, `dead` or `cancelled`.
    state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivered_at: Option<Moment>,
}

/// What is announced, before the customer is looked up.
struct Said {
    id: AnnouncementId,
    kind: String,
    customer: String,
    amount: Amount,
    due_on: NaiveDate,
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
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let now = clock::now();
    let (programme, today) = (gateway.registry.programme(), gateway.day(now));
    let said = read_object(&body, |body| read(body, &programme.notice, today))?;
    let Said { id, kind, customer: subject, amount, due_on } = said;
    let recorded = gateway
        .main
        .read(move |db| {
            let Some(customer) = customers::by_subject(db, &subject)? else { return Ok(None) };
            let new = Announcement {
                id,
                kind,
                customer,
                amount,
                due_on,
                announced_by: staff.id,
                recorded_at: now,
                cancelled: None,
            };
            let recorded = db.write(|tx| announcements::insert(tx, &new))?;
            let (announcement, is_new) = match recorded {
                Recorded::New(announcement) => (announcement, true),
                Recorded::Same(announcement) => (announcement, false),
                Recorded::Other => return Ok(Some(None)),
            };
            let notices = announcements::notices(db, &announcement.id)?;
            Ok(Some(Some((announcement, notices, is_new))))
        })
        .await?;
    let unknown = || Problem::new(&CUSTOMER_UNKNOWN, "No customer of the programme is called so.");
    let taken = || Problem::new(&ANNOUNCEMENT_CONFLICT, "The id is taken by other content.");
    let (announcement, notices, is_new) = recorded.ok_or_else(unknown)?.ok_or_else(taken)?;
    let view = View::of(&gateway, announcement, notices);
    if is_new {
        return Ok(HttpResponse::Created().json(view));
    }
    Ok(HttpResponse::Ok().insert_header((REPLAYED, "true")).json(view))
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
    let found = gateway.main.read(move |db| load(db, &id)).await?;
    let (announcement, notices) = found.ok_or_else(Problem::not_found)?;
    Ok(HttpResponse::Ok().json(View::of(&gateway, announcement, notices)))
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
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let id = read_id(&path)?;
    let because = read_object(&body, read_reason)?;
    let cancelled = Cancelled { by: staff.id, because, at: clock::now() };
    let (is_new, found) = gateway
        .main
        .read(move |db| {
            let is_new = db.write(|tx| announcements::cancel(tx, &id, &cancelled))?;
            Ok((is_new, load(db, &id)?))
        })
        .await?;
    let (announcement, notices) = found.ok_or_else(Problem::not_found)?;
    let mut response = HttpResponse::Ok();
    if !is_new {
        response.insert_header((REPLAYED, "true"));
    }
    Ok(response.json(View::of(&gateway, announcement, notices)))
}

fn load(
    db: &mut Db,
    id: &AnnouncementId,
) -> Result<Option<(Announcement, Vec<NoticeOf>)>, StoreError> {
    let Some(announcement) = announcements::get(db, id)? else { return Ok(None) };
    Ok(Some((announcement, announcements::notices(db, id)?)))
}

fn read_id(path: &str) -> Result<AnnouncementId, Problem> {
    AnnouncementId::try_from(path).map_err(|_invalid| Problem::not_found())
}

fn read(body: &mut Reader<'_>, kinds: &[NoticeKind], today: NaiveDate) -> Option<Said> {
    let id = body.parsed("id");
    let announced = || kinds.iter().map(|it| it.kind.as_str()).filter(|it| *it != POINTS_EXPIRING);
    let kind = body.text("kind", 40).map(str::to_owned);
    if kind.as_deref().is_some_and(|kind| !announced().any(|known| known == kind)) {
        let known: Vec<&str> = announced().collect();
        body.fail("kind", format!("expected {}", known.join(", ")));
    }
    let customer = body.text("customer", CUSTOMER_CHARACTERS_MAX).map(str::to_owned);
    let currency = body.currency();
    let amount = body.amount("amount", currency);
    if amount.is_some_and(Amount::is_zero) {
        body.fail("amount", "must not be 0");
    }
    let due_on = body.text("due_on", 10).map(|text| text.parse::<NaiveDate>().ok());
    match due_on {
        Some(None) => body.fail("due_on", "expected a date, such as \"2026-12-31\""),
        Some(Some(day)) if day < today => body.fail("due_on", "that day is over"),
        _ => {}
    }
    Some(Said { id: id?, kind: kind?, customer: customer?, amount: amount?, due_on: due_on?? })
}

impl View {
    fn of(gateway: &Gateway, announcement: Announcement, notices: Vec<NoticeOf>) -> Self {
        let programme = gateway.registry.programme();
        let told =
            |it: NoticeOf| Told { days: it.days, state: it.state, delivered_at: it.delivered_at };
        let state = if announcement.cancelled.is_some() { "cancelled" } else { "announced" };
        let (by, because, at) = match announcement.cancelled {
            Some(it) => (Some(it.by), Some(it.because), Some(it.at)),
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
            notices: notices.into_iter().map(told).collect(),
        }
    }
}
