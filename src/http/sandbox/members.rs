use actix_web::{HttpResponse, web};

use super::{clock_of, on_trial};
use crate::clock;
use crate::event::read_object;
use crate::http::Gateway;
use crate::http::access::auth::{Caller, EventsWrite};
use crate::http::customer::codes::{Code, GOOD_FOR, random_code};
use crate::http::openapi::bodies::{CodeBody, MemberLink};
use crate::http::problem::{MEMBER_UNKNOWN, Problem};
use crate::ids::{CodeKey, MemberKey};
use crate::store::{StoreError, codes, customers};

/// What came of asking for a code.
enum Made {
    Unknown,
    TooMany,
    Code,
}

/// A customer who stands in for one whom the bank has linked: a reference to use in events.
#[utoipa::path(
    post, path = "/v1/sandbox/members", tag = "Sandbox", security(("partner" = ["events:write"])),
    responses((status = 201, description = "The reference.", body = MemberLink))
)]
pub async fn make_member(
    caller: Caller<EventsWrite>,
    gateway: web::Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    on_trial(&caller.partner)?;
    let books = gateway.books(&caller.partner);
    let now = clock_of(books, &caller.partner).await?;
    let id = caller.partner.id.clone();
    let subject = format!("sandbox {}", uuid::Uuid::new_v4());
    let member =
        books.read(move |db| db.write(|tx| customers::link(tx, &subject, &id, now))).await?;
    let body = serde_json::json!({ "partner": caller.partner.id, "member": member });
    Ok(HttpResponse::Created().json(body))
}

/// The code that one of the partner's members would show at a till, good for five minutes by the
/// partner's clock.
#[utoipa::path(
    post, path = "/v1/sandbox/codes", tag = "Sandbox", security(("partner" = ["events:write"])),
    request_body = CodeBody,
    responses((status = 201, description = "The code.", body = Code))
)]
pub async fn make_sandbox_code(
    caller: Caller<EventsWrite>,
    gateway: web::Data<Gateway>,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    on_trial(&caller.partner)?;
    let member = read_object(&body, |body| body.parsed("member"))?;
    let member = MemberKey::of(&caller.partner.id, &member);
    let books = gateway.books(&caller.partner);
    let now = clock_of(books, &caller.partner).await?;
    let code = random_code()?;
    let (key, expires_at) = (CodeKey::of(&code), now.plus(GOOD_FOR));
    let made = books
        .read(move |db| {
            db.write(|tx| {
                let found = customers::of_members(tx, &[member])?;
                let Some(customer) = found.get(&member) else { return Ok(Made::Unknown) };
                customers::lock(tx, &[customer.id])?;
                // Other partners' codes of the customer go by other clocks: swept by ours.
                let kept = codes::insert(tx, key, customer.id, (clock::now(), expires_at))?;
                Ok::<_, StoreError>(if kept { Made::Code } else { Made::TooMany })
            })
        })
        .await?;
    match made {
        Made::Unknown => {
            let detail = "this partner has no such member";
            Err(Problem::field(&MEMBER_UNKNOWN, "/member", &detail))
        }
        Made::TooMany => Err(Problem::too_many_codes(GOOD_FOR.num_seconds())),
        Made::Code => Ok(HttpResponse::Created().json(Code { code, expires_at })),
    }
}
