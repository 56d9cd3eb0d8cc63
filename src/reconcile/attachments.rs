//! Files are attached to a break, and read: by staff, and in its own thread by the partner.

use super::attachment::{Attachment, NewAttachment, has_room};
use super::break_record::{Break, NoteAuthor, NoteReaders};
use super::proposal::BreakState;
use super::refusal::ReconcileRefusal;
use crate::clock::Moment;
use crate::customer::PersonalKeys;
use crate::ids::{AttachmentId, BreakId, PartnerId, sha256};
use crate::store::{Db, break_attachments, breaks};

/// The keys that seal, and the time.
pub struct AttachedAt {
    pub keys: PersonalKeys,
    pub now: Moment,
}

/// A file with its bytes.
pub struct OpenAttachment {
    pub attachment: Attachment,
    pub content: Vec<u8>,
}

type Done<T> = Result<T, ReconcileRefusal>;

/// Attaches a file. A partner attaches while the bank waits for its answer.
///
/// # Errors
/// [`ReconcileRefusal::BreakUnknown`], also for another partner's; [`ReconcileRefusal::NotAsked`],
/// [`ReconcileRefusal::Attachment`].
pub fn attach(
    who: &NoteAuthor,
    db: &mut Db,
    id: BreakId,
    new: NewAttachment,
    at: &AttachedAt,
) -> Done<Attachment> {
    new.check()?;
    let attachment = Attachment {
        id: AttachmentId::random(),
        of: id,
        length: i64::try_from(new.content.len()).unwrap_or(i64::MAX),
        sha256: sha256(&new.content),
        name: new.name,
        kind: new.kind,
        by: who.clone(),
        readers: new.readers,
        attached_at: at.now,
    };
    let sealed = at.keys.seal(attachment.id.bytes(), &new.content)?;
    db.write(|tx| {
        let found = breaks::lock(tx, id)?;
        let found = visible(who, found)?;
        let is_asked = found.state == BreakState::AwaitingPartner;
        if matches!(who, NoteAuthor::Partner(_)) && !is_asked {
            return Err(ReconcileRefusal::NotAsked);
        }
        has_room(&break_attachments::of_break(tx.db(), id)?, who)?;
        Ok(break_attachments::insert(tx, &attachment, &sealed)?)
    })?;
    Ok(attachment)
}

/// The files of a break, the earliest first. A partner sees its own, and those that staff share.
///
/// # Errors
/// [`ReconcileRefusal::BreakUnknown`].
pub fn list(who: Option<&PartnerId>, db: &mut Db, id: BreakId) -> Done<Vec<Attachment>> {
    let found = breaks::get(db, id)?;
    match who {
        Some(partner) => visible(&NoteAuthor::Partner(partner.clone()), found)?,
        None => found.ok_or(ReconcileRefusal::BreakUnknown)?,
    };
    let mut list = break_attachments::of_break(db, id)?;
    list.retain(|it| who.is_none() || it.readers == NoteReaders::StaffAndPartner);
    Ok(list)
}

/// One file, with its bytes.
///
/// # Errors
/// [`ReconcileRefusal::BreakUnknown`], also where the caller may not read the file.
pub fn open(
    who: Option<&PartnerId>,
    db: &mut Db,
    keys: &PersonalKeys,
    id: BreakId,
    file: AttachmentId,
) -> Done<OpenAttachment> {
    let attachment = list(who, db, id)?.into_iter().find(|it| it.id == file);
    let attachment = attachment.ok_or(ReconcileRefusal::BreakUnknown)?;
    let sealed = break_attachments::content(db, file)?.ok_or(ReconcileRefusal::BreakUnknown)?;
    let content = keys.open(file.bytes(), &sealed)?;
    Ok(OpenAttachment { attachment, content })
}

/// A partner sees a break of its own, once it was asked.
fn visible(who: &NoteAuthor, found: Option<Break>) -> Done<Break> {
    let is_visible = |found: &Break| match who {
        NoteAuthor::Staff(_) => true,
        NoteAuthor::Partner(id) => found.partner == *id && found.asked_at.is_some(),
    };
    found.filter(is_visible).ok_or(ReconcileRefusal::BreakUnknown)
}
