//! Files that are attached to a break: handed in by a form, and taken away to be saved.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};

use super::break_acts::again;
use super::break_page::{BreakForm, FormError, read_id};
use super::visit::{Visit, check_token};
use super::words::ConsoleWords;
use crate::clock;
use crate::http::Gateway;
use crate::http::pages::forms::see_other;
use crate::http::pages::multipart::{self, Part};
use crate::http::pages::words::Language;
use crate::http::problem::{BAD_REQUEST, Problem};
use crate::ids::AttachmentId;
use crate::reconcile::attachment::{AttachmentName, AttachmentType, NewAttachment};
use crate::reconcile::attachments::{self, AttachedAt};
use crate::reconcile::break_record::{NoteAuthor, NoteReaders};
use crate::reconcile::refusal::ReconcileRefusal;

/// `POST /console/breaks/{break}/attachments`.
pub async fn post_attachment(
    visit: Visit,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let id = read_id(&request)?;
    let kind = request.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let bad = || Problem::new(&BAD_REQUEST, "The form is not as its page has it.");
    let parts = multipart::read(kind, &body).ok_or_else(bad)?;
    let text = |name: &str| {
        let part = parts.iter().find(|part| part.name == name);
        part.and_then(|part| std::str::from_utf8(part.content).ok()).unwrap_or_default()
    };
    check_token(&visit, text("token"))?;
    let w = ConsoleWords::of(Language::of(&request));
    let wrong = |says: &str| BreakForm {
        errors: vec![FormError { field: "file", says: says.to_owned() }],
        ..BreakForm::default()
    };
    let readers = match text("shared") {
        "" => NoteReaders::Staff,
        _ => NoteReaders::StaffAndPartner,
    };
    let Some(new) = read_file(&parts, readers) else {
        return again(&gateway, &request, &visit, wrong(w.error_attachment)).await;
    };
    let at = AttachedAt { keys: gateway.keys.personal.clone(), now: clock::now() };
    let who = NoteAuthor::Staff(visit.id().clone());
    let attach = move |db: &mut _| attachments::attach(&who, db, id, new, &at);
    match gateway.main.ask_or(attach).await {
        Ok(_kept) => Ok(see_other(&format!("/console/breaks/{id}"))),
        Err(ReconcileRefusal::Attachment(_)) => {
            again(&gateway, &request, &visit, wrong(w.error_attachment)).await
        }
        Err(refusal) => Err(refusal.into()),
    }
}

/// `GET /console/breaks/{break}/attachments/{attachment}`. No browser shows it: its name and type are ours.
pub async fn get_attachment(
    _visit: Visit,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let id = read_id(&request)?;
    let file = request.match_info().get("attachment").unwrap_or_default();
    let file = AttachmentId::try_from(file).map_err(|_other| Problem::not_found())?;
    let keys = gateway.keys.personal.clone();
    let open = move |db: &mut _| attachments::open(None, db, &keys, id, file);
    let open = gateway.main.ask_or(open).await?;
    let extension = open.attachment.kind.extension();
    let name = format!("attachment; filename=\"{file}.{extension}\"");
    Ok(HttpResponse::Ok()
        .content_type("application/octet-stream")
        .insert_header((header::CONTENT_DISPOSITION, name))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(open.content))
}

/// The file of the form, of the type that its name ends with; `None` where it is none that is taken.
fn read_file(parts: &[Part<'_>], readers: NoteReaders) -> Option<NewAttachment> {
    let part = parts.iter().find(|part| part.name == "file" && !part.content.is_empty())?;
    let name = part.file_name.as_deref().unwrap_or("file");
    let ending = name.rsplit('.').next()?.to_ascii_lowercase();
    let ending = if ending == "jpeg" { "jpg" } else { ending.as_str() };
    let kind = AttachmentType::ALL.into_iter().find(|kind| kind.extension() == ending)?;
    let name = AttachmentName::parse(name)?;
    Some(NewAttachment { name, kind, readers, content: part.content.to_vec() })
}
