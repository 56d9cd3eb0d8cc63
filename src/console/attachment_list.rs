//! The files of a break in its page.

use super::page::Frame;
use crate::ids::BreakId;
use crate::reconcile::attachment::Attachment;
use crate::reconcile::break_record::NoteReaders;

/// A file in the list of a break.
pub struct AttachmentView {
    pub href: String,
    pub name: String,
    pub size: String,
    pub by: String,
    pub at: String,
    pub is_shared: bool,
}

/// The files of a break as its page lists them.
pub fn views(frame: &Frame, id: BreakId, list: Vec<Attachment>) -> Vec<AttachmentView> {
    let view = |it: Attachment| AttachmentView {
        href: format!("/console/breaks/{id}/attachments/{}", it.id),
        name: it.name.as_str().to_owned(),
        size: format!("{} kB", it.length.saturating_add(1023).checked_div(1024).unwrap_or(0)),
        by: it.by.id().to_owned(),
        at: frame.figures.time(&it.attached_at),
        is_shared: it.readers == NoteReaders::StaffAndPartner,
    };
    list.into_iter().map(view).collect()
}
