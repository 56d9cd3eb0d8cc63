//! Files that are attached to breaks, sealed.

use diesel::prelude::*;

use super::text;
use crate::clock::Moment;
use crate::customer::Sealed;
use crate::ids::{AttachmentId, BreakId};
use crate::reconcile::attachment::{ATTACHMENTS_MAX, Attachment, AttachmentName, AttachmentType};
use crate::reconcile::break_record::{NoteAuthor, NoteReaders};
use crate::store::schema::break_attachments;
use crate::store::{Db, LedgerTx, StoreError, types};

#[derive(Insertable, Queryable, Selectable)]
#[diesel(table_name = break_attachments, treat_none_as_default_value = false)]
struct Row {
    id: Vec<u8>,
    break_id: Vec<u8>,
    name: String,
    media_type: String,
    length: i64,
    sha256: Vec<u8>,
    by_kind: String,
    by_id: String,
    shared: bool,
    attached_at: chrono::NaiveDateTime,
}

/// Keeps a file. The break must be held by [`super::breaks::lock`].
pub fn insert(
    tx: &mut LedgerTx<'_>,
    attachment: &Attachment,
    sealed: &Sealed,
) -> Result<(), StoreError> {
    let row = (
        Row::of(attachment),
        break_attachments::key_id.eq(sealed.key_id.clone()),
        break_attachments::sealed.eq(sealed.bytes.clone()),
    );
    both!(tx.0, db => diesel::insert_into(break_attachments::table).values(row).execute(db))?;
    Ok(())
}

/// The files of a break, the earliest first.
pub fn of_break(db: &mut Db, id: BreakId) -> Result<Vec<Attachment>, StoreError> {
    let most = i64::try_from(ATTACHMENTS_MAX).unwrap_or(i64::MAX);
    let rows: Vec<Row> = break_attachments::table
        .filter(break_attachments::break_id.eq(id.bytes().as_slice()))
        .order(break_attachments::id)
        .limit(most)
        .select(Row::as_select())
        .load(db)?;
    rows.into_iter().map(Row::read).collect()
}

/// The bytes of a file.
pub fn content(db: &mut Db, id: AttachmentId) -> Result<Option<Sealed>, StoreError> {
    let found: Option<(String, Vec<u8>)> = break_attachments::table
        .find(id.bytes().as_slice())
        .select((break_attachments::key_id, break_attachments::sealed))
        .first(db)
        .optional()?;
    Ok(found.map(|(key_id, bytes)| Sealed { key_id, bytes }))
}

/// Deletes files that were attached before a moment, the earliest first; says how many.
pub fn erase_before(
    tx: &mut LedgerTx<'_>,
    before: Moment,
    rows_max: i64,
) -> Result<usize, StoreError> {
    let ids: Vec<Vec<u8>> = break_attachments::table
        .filter(break_attachments::attached_at.lt(before.naive()))
        .order(break_attachments::attached_at)
        .limit(rows_max)
        .select(break_attachments::id)
        .load(tx.0)?;
    for id in &ids {
        diesel::delete(break_attachments::table.find(id)).execute(tx.0)?;
    }
    Ok(ids.len())
}

impl Row {
    fn of(attachment: &Attachment) -> Self {
        Self {
            id: attachment.id.bytes().to_vec(),
            break_id: attachment.of.bytes().to_vec(),
            name: attachment.name.as_str().to_owned(),
            media_type: attachment.kind.name().to_owned(),
            length: attachment.length,
            sha256: attachment.sha256.to_vec(),
            by_kind: attachment.by.kind().to_owned(),
            by_id: attachment.by.id().to_owned(),
            shared: attachment.readers == NoteReaders::StaffAndPartner,
            attached_at: attachment.attached_at.naive(),
        }
    }

    fn read(self) -> Result<Attachment, StoreError> {
        let corrupt = StoreError::Corrupt;
        let by = match self.by_kind.as_str() {
            "staff" => NoteAuthor::Staff(text(self.by_id, "break_attachments.by_id")?),
            "partner" => NoteAuthor::Partner(types::partner(&self.by_id)?),
            _ => return Err(corrupt("break_attachments.by_kind")),
        };
        let kind = AttachmentType::by_name(&self.media_type);
        let sha256 = <[u8; 32]>::try_from(self.sha256.as_slice());
        let of = types::bytes16(&self.break_id, "break_attachments.break_id")?;
        Ok(Attachment {
            id: AttachmentId::from_uuid(types::uuid(&self.id, "break_attachments.id")?),
            of: BreakId::from_bytes(of),
            name: AttachmentName::parse(&self.name).ok_or(corrupt("break_attachments.name"))?,
            kind: kind.ok_or(corrupt("break_attachments.media_type"))?,
            length: self.length,
            sha256: sha256.map_err(|_length| corrupt("break_attachments.sha256"))?,
            by,
            readers: if self.shared { NoteReaders::StaffAndPartner } else { NoteReaders::Staff },
            attached_at: types::moment(self.attached_at),
        })
    }
}
