//! Customers make the one-time codes that they show at a till to spend points.

use actix_web::{HttpResponse, web};
use aws_lc_rs::rand;
use chrono::TimeDelta;
use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::{self, Moment};
use crate::http::Gateway;
use crate::http::access::auth::Customer;
use crate::http::problem::Problem;
use crate::ids::{CodeKey, RedemptionCode};
use crate::store::{codes, customers};

/// How long a code is good for.
pub(in crate::http) const GOOD_FOR: TimeDelta = TimeDelta::minutes(5);

#[derive(Serialize, ToSchema)]
pub struct Code {
    pub(in crate::http) code: RedemptionCode,
    pub(in crate::http) expires_at: Moment,
}

/// A code to show at a till, that one hold may name once, within five minutes.
#[utoipa::path(
    post, path = "/v1/customers/me/codes", tag = "Customers", security(("customer" = [])),
    responses((status = 201, description = "The code.", body = Code))
)]
pub async fn make_code(
    customer: Customer,
    gateway: web::Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let code = random_code()?;
    let (key, now) = (CodeKey::of(&code), clock::now());
    let expires_at = now.plus(GOOD_FOR);
    let made = gateway
        .main
        .read(move |db| {
            db.write(|tx| {
                let Some(id) = customers::by_subject(tx.db(), &customer.subject)? else {
                    return Ok(None);
                };
                customers::lock(tx, &[id])?;
                codes::insert(tx, key, id, (now, expires_at)).map(Some)
            })
        })
        .await?;
    match made {
        None => Err(Problem::not_found()),
        Some(false) => Err(Problem::too_many_codes(GOOD_FOR.num_seconds())),
        Some(true) => Ok(HttpResponse::Created().json(Code { code, expires_at })),
    }
}

/// Sixteen random digits: ten million million guesses for one of a thousand good codes.
pub(in crate::http) fn random_code() -> Result<RedemptionCode, Problem> {
    let mut bytes = [0_u8; 8];
    rand::fill(&mut bytes).map_err(|_unspecified| Problem::internal("no randomness"))?;
    let number = u64::from_be_bytes(bytes).rem_euclid(10_u64.pow(16));
    RedemptionCode::try_from(format!("{number:016}"))
        .map_err(|invalid| Problem::internal(invalid.to_string()))
}
