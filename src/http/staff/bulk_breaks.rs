//! Staff decide on many breaks at once, by a total that they type.

use std::collections::BTreeSet;
use std::sync::Arc;

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::breaks::{View, read_action, read_number};
use crate::clock;
use crate::event::{FieldReader, read_object};
use crate::http::Gateway;
use crate::http::access::staff::{Reconcile, Settle, Staff};
use crate::http::problem::Problem;
use crate::http::schemas::reconcile::{BulkApprovalBody, BulkProposalBody};
use crate::http::server::media::JsonBody;
use crate::http::staff::reason::read_reason;
use crate::ids::BreakId;
use crate::money::Asset;
use crate::reconcile::break_record::Break;
use crate::reconcile::breaks::{ProposalOrder, ProposedAt};
use crate::reconcile::bulk::{self, BulkApproval, BulkProposal, LookedAt};
use crate::reconcile::bulk_total::{BULK_MAX, BulkTotal};
use crate::reconcile::item::{Currency, ItemValue};
use crate::reconcile::proposal::ProposalAction;

/// The most currencies of one total.
const CURRENCIES_MAX: usize = 10;

/// Breaks as they stand now, in the order in which they were named.
#[derive(Serialize, ToSchema)]
#[schema(as = BreaksDone)]
pub(in crate::http) struct Views {
    breaks: Vec<View>,
}

/// Proposes the same for up to 100 breaks: all of them, or none. `count` and `totals` are what the caller
/// has counted.
#[utoipa::path(
    post, path = "/v1/breaks:propose", tag = "Reconciliation", security(("staff" = ["reconcile"])),
    request_body = BulkProposalBody,
    responses((status = 201, description = "Proposed.", body = Views))
)]
pub async fn propose_for_breaks(
    staff: Staff<Reconcile>,
    gateway: web::Data<Gateway>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let bulk = read_object(&body, read_proposals)?;
    let at = ProposedAt { now: clock::now(), registry: Arc::clone(&gateway.registry) };
    let done = gateway.main.ask_or(move |db| bulk::propose(&staff.id, db, &bulk, &at)).await?;
    Ok(HttpResponse::Created().json(Views::of(&done)))
}

/// Another person has up to 100 proposals done: all of them, or none.
#[utoipa::path(
    post, path = "/v1/breaks:approve", tag = "Reconciliation", security(("staff" = ["settle"])),
    request_body = BulkApprovalBody,
    responses((status = 200, description = "Done.", body = Views))
)]
pub async fn approve_for_breaks(
    staff: Staff<Settle>,
    gateway: web::Data<Gateway>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let bulk = read_object(&body, read_approvals)?;
    let done = bulk::approve(&staff.id, &gateway.main, bulk).await?;
    Ok(HttpResponse::Ok().json(Views::of(&done)))
}

fn read_proposals(body: &mut FieldReader<'_>) -> Option<BulkProposal> {
    let breaks = body.objects("breaks", BULK_MAX, |mut item| {
        let id = read_break(&mut item);
        item.finish();
        id
    });
    let breaks = each_once(body, breaks, |id| *id);
    let action = read_action(body, &ProposalAction::NAMES_OF_MANY);
    let reason = read_reason(body);
    let typed = read_total(body, 0);
    let order = ProposalOrder { action: action?, reason: reason? };
    Some(BulkProposal { breaks: breaks?, order, typed: typed? })
}

fn read_approvals(body: &mut FieldReader<'_>) -> Option<BulkApproval> {
    let breaks = body.objects("breaks", BULK_MAX, |mut item| {
        let (id, proposal) = (read_break(&mut item), read_number(&mut item));
        item.finish();
        Some(LookedAt { id: id?, proposal: proposal? })
    });
    let breaks = each_once(body, breaks, |it| it.id);
    let named = body.optional("adjusted").is_some();
    let adjusted = if named { body.signed_amount("adjusted", Some(Asset::CNY)) } else { None };
    (adjusted.is_some() == named).then_some(())?;
    let typed = read_total(body, adjusted.map_or(0, |amount| amount.minor()));
    Some(BulkApproval { breaks: breaks?, typed: typed? })
}

fn read_break(item: &mut FieldReader<'_>) -> Option<BreakId> {
    let id = BreakId::parse(item.text("break", 32)?);
    if id.is_none() {
        item.fail("break", "expected the id of a break: 32 hexadecimal digits");
    }
    id
}

/// One break at least, and none of them twice.
fn each_once<T>(
    body: &mut FieldReader<'_>,
    list: Vec<T>,
    id: impl Fn(&T) -> BreakId,
) -> Option<Vec<T>> {
    let ids: BTreeSet<BreakId> = list.iter().map(id).collect();
    if ids.is_empty() || ids.len() != list.len() {
        body.fail("breaks", format!("expected 1 to {BULK_MAX} breaks, each once"));
        return None;
    }
    Some(list)
}

fn read_total(body: &mut FieldReader<'_>, adjusted: i64) -> Option<BulkTotal> {
    let most = u32::try_from(BULK_MAX).unwrap_or(u32::MAX);
    let count = body.count("count", 1..=most);
    let sums = body.objects("totals", CURRENCIES_MAX, |mut item| {
        let currency = item.text("currency", 3).and_then(Currency::by_code);
        if currency.is_none() {
            item.fail("currency", "expected three letters, such as CNY");
        }
        // Whatever the currency is, it is written with two decimals.
        let amount = item.amount("amount", Some(Asset::CNY));
        item.finish();
        Some(ItemValue { currency: currency?, minor: amount?.minor() })
    });
    let count = usize::try_from(count?).ok()?;
    Some(BulkTotal::typed(count, &sums, adjusted))
}

impl Views {
    fn of(done: &[Break]) -> Self {
        let now = clock::now();
        Self { breaks: done.iter().map(|it| View::of(it, now)).collect() }
    }
}
