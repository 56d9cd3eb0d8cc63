//! A partner attaches files to what the bank asks about its statements.

use actix_web::{HttpRequest, HttpResponse, web};

use crate::clock;
use crate::http::Gateway;
use crate::http::access::auth::{Caller, SettlementsAnswer};
use crate::http::problem::Problem;
use crate::http::staff::attachments::{FilePath, Named, View, Views, answer, read_name, read_type};
use crate::http::staff::breaks::{Reader, read_id};
use crate::ids::{AttachmentId, BreakId};
use crate::reconcile::attachment::NewAttachment;
use crate::reconcile::attachments::{self, AttachedAt};
use crate::reconcile::break_record::{NoteAuthor, NoteReaders};

/// Attaches a file of 1 MiB at most: a PDF, a picture (PNG, JPEG), text, CSV or a workbook (.xlsx). Attach
/// before you answer: the bank goes on from the answer.
#[utoipa::path(
    post, path = "/v1/settlement-breaks/{break}/attachments", tag = "Settlement",
    security(("partner" = ["settlements:answer"])),
    params(("break" = BreakId, Path, description = "The break."), Named),
    request_body(content((String = "text/plain"))),
    responses((status = 201, description = "Attached.", body = View))
)]
pub async fn attach_to_asked_break(
    caller: Caller<SettlementsAnswer>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    query: web::Query<Named>,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let id = read_id(request.match_info().query("break"))?;
    let (name, kind) = (read_name(query.name.as_deref())?, read_type(&request)?);
    let readers = NoteReaders::StaffAndPartner;
    let new = NewAttachment { name, kind, readers, content: body.to_vec() };
    let at = AttachedAt { keys: gateway.keys.personal.clone(), now: clock::now() };
    let who = NoteAuthor::Partner(caller.partner.id.clone());
    let attach = move |db: &mut _| attachments::attach(&who, db, id, new, &at);
    let kept = gateway.books(&caller.partner).ask_or(attach).await?;
    Ok(HttpResponse::Created().json(View::of(kept, Reader::Partner)))
}

/// What is attached to a break: the caller's own files, and those that the bank shares.
#[utoipa::path(
    get, path = "/v1/settlement-breaks/{break}/attachments", tag = "Settlement",
    security(("partner" = ["settlements:answer"])),
    params(("break" = BreakId, Path, description = "The break.")),
    responses((status = 200, description = "The files.", body = Views))
)]
pub async fn get_asked_break_attachments(
    caller: Caller<SettlementsAnswer>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let (id, partner) = (read_id(&path)?, caller.partner.id.clone());
    let list = move |db: &mut _| attachments::list(Some(&partner), db, id);
    let found = gateway.books(&caller.partner).ask_or(list).await?;
    Ok(HttpResponse::Ok().json(Views::of(found, Reader::Partner)))
}

/// One of them, to be saved and not to be shown.
#[utoipa::path(
    get, path = "/v1/settlement-breaks/{break}/attachments/{attachment}", tag = "Settlement",
    security(("partner" = ["settlements:answer"])),
    params(
        ("break" = BreakId, Path, description = "The break."),
        ("attachment" = AttachmentId, Path, description = "The file."),
    ),
    responses((
        status = 200, description = "The file.",
        content((String = "application/octet-stream"))
    ))
)]
pub async fn get_asked_break_attachment(
    caller: Caller<SettlementsAnswer>,
    gateway: web::Data<Gateway>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (of, file) = path.into_inner();
    let FilePath { id, file } = FilePath::read(&of, &file)?;
    let (keys, partner) = (gateway.keys.personal.clone(), caller.partner.id.clone());
    let open = move |db: &mut _| attachments::open(Some(&partner), db, &keys, id, file);
    Ok(answer(gateway.books(&caller.partner).ask_or(open).await?))
}
