//! Who approves what others propose: the same two people too often is a sign.

use actix_web::{HttpResponse, web};
use chrono::TimeDelta;
use serde::Serialize;
use utoipa::ToSchema;

use crate::clock;
use crate::http::Gateway;
use crate::http::access::staff::{Read, Staff};
use crate::http::problem::Problem;
use crate::ids::StaffId;
use crate::store::approval_pairs;

/// How far the list looks back.
const WINDOW: TimeDelta = TimeDelta::days(30);
/// Pairs in the list.
const PAIRS_MAX: usize = 100;

/// Two people, and how often one approved what the other had proposed.
#[derive(Serialize, ToSchema)]
#[schema(as = ApprovalPair)]
struct Pair {
    proposed_by: StaffId,
    approved_by: StaffId,
    approvals: i64,
    /// Whether it is as often as `[staff] pair_often` of the programme, or more.
    often: bool,
}

#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ApprovalPairs {
    pairs: Vec<Pair>,
}

/// The pairs of the last thirty days, the most frequent first; at most a hundred.
#[utoipa::path(
    get, path = "/v1/approval-pairs", tag = "Corrections", security(("staff" = ["read"])),
    responses((status = 200, description = "The pairs.", body = ApprovalPairs))
)]
pub async fn get_approval_pairs(
    _staff: Staff<Read>,
    gateway: web::Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let since = clock::now().minus(WINDOW);
    let found = gateway.main.ask(move |db| approval_pairs::since(db, since, PAIRS_MAX)).await?;
    let often = i64::from(gateway.registry.programme().staff.pair_often);
    let pairs = found.into_iter().map(|pair| Pair {
        proposed_by: pair.proposed_by,
        approved_by: pair.approved_by,
        approvals: pair.approvals,
        often: pair.approvals >= often,
    });
    Ok(HttpResponse::Ok().json(ApprovalPairs { pairs: pairs.collect() }))
}
