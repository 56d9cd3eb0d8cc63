//! A file that staff or the partner attach to a break: which files may be, and what is kept of one.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use super::break_record::{NoteAuthor, NoteReaders};
use crate::clock::Moment;
use crate::ids::{AttachmentId, BreakId};
use crate::text::misleads;

/// Maximum size of a file, in bytes.
pub const ATTACHMENT_BYTES_MAX: usize = 1024 * 1024;
/// Files of one break.
pub const ATTACHMENTS_MAX: usize = 20;
/// Those of them that are the partner's.
pub const PARTNERS_ATTACHMENTS_MAX: usize = 10;
const NAME_CHARACTERS_MAX: usize = 100;

/// What kinds of files are taken. None of them runs by itself where it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttachmentType {
    Pdf,
    Png,
    Jpeg,
    Text,
    Csv,
    Workbook,
}

/// A file, as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAttachment {
    pub name: AttachmentName,
    pub kind: AttachmentType,
    pub readers: NoteReaders,
    pub content: Vec<u8>,
}

/// What its sender calls a file. It is shown, and names nothing on any disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachmentName(String);

/// A file that is kept, without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    pub id: AttachmentId,
    pub of: BreakId,
    pub name: AttachmentName,
    pub kind: AttachmentType,
    pub length: i64,
    pub sha256: [u8; 32],
    pub by: NoteAuthor,
    pub readers: NoteReaders,
    pub attached_at: Moment,
}

/// Why a file is not attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttachmentRefusal {
    #[error("the file is empty")]
    Empty,
    #[error("a file has at most {ATTACHMENT_BYTES_MAX} bytes")]
    TooLarge,
    #[error("the file is not of the type that it is sent as")]
    OtherType,
    #[error(
        "a break has at most {ATTACHMENTS_MAX} files, {PARTNERS_ATTACHMENTS_MAX} of them the partner's"
    )]
    TooMany,
}

impl AttachmentType {
    pub const ALL: [Self; 6] =
        [Self::Pdf, Self::Png, Self::Jpeg, Self::Text, Self::Csv, Self::Workbook];

    /// The media type (IANA).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Text => "text/plain",
            Self::Csv => "text/csv",
            Self::Workbook => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        }
    }

    /// How the name of such a file ends.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Text => "txt",
            Self::Csv => "csv",
            Self::Workbook => "xlsx",
        }
    }

    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether the bytes begin, or read, as such a file does.
    #[must_use]
    pub fn fits(self, content: &[u8]) -> bool {
        let begins = |with: &[u8]| content.starts_with(with);
        match self {
            Self::Pdf => begins(b"%PDF-"),
            Self::Png => begins(b"\x89PNG\r\n\x1a\n"),
            Self::Jpeg => begins(&[0xff, 0xd8, 0xff]),
            Self::Workbook => begins(b"PK\x03\x04"),
            Self::Text | Self::Csv => std::str::from_utf8(content).is_ok_and(|text| {
                !text.chars().any(|one| one.is_control() && !['\t', '\n', '\r'].contains(&one))
            }),
        }
    }
}

impl AttachmentName {
    /// 1 to 100 characters, without control characters and slashes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_name = (1..=NAME_CHARACTERS_MAX).contains(&text.chars().count())
            && !text
                .chars()
                .any(|one| one.is_control() || misleads(one) || one == '/' || one == '\\')
            && !text.trim().is_empty();
        is_name.then(|| Self(text.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl NewAttachment {
    /// # Errors
    /// [`AttachmentRefusal`], by what the file is.
    pub fn check(&self) -> Result<(), AttachmentRefusal> {
        if self.content.is_empty() {
            return Err(AttachmentRefusal::Empty);
        }
        if self.content.len() > ATTACHMENT_BYTES_MAX {
            return Err(AttachmentRefusal::TooLarge);
        }
        if self.kind.fits(&self.content) { Ok(()) } else { Err(AttachmentRefusal::OtherType) }
    }
}

/// Whether there is room for one more file of that author.
///
/// # Errors
/// [`AttachmentRefusal::TooMany`].
pub fn has_room(kept: &[Attachment], by: &NoteAuthor) -> Result<(), AttachmentRefusal> {
    let of_partner = kept.iter().filter(|it| matches!(it.by, NoteAuthor::Partner(_))).count();
    let is_partner = matches!(by, NoteAuthor::Partner(_));
    if kept.len() >= ATTACHMENTS_MAX || (is_partner && of_partner >= PARTNERS_ATTACHMENTS_MAX) {
        return Err(AttachmentRefusal::TooMany);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_what_it_is_sent_as() {
        let page = b"<html><script>alert(1)</script></html>".as_slice();
        for (kind, content, fits) in [
            (AttachmentType::Pdf, b"%PDF-1.7\n".as_slice(), true),
            (AttachmentType::Pdf, page, false),
            (AttachmentType::Png, b"\x89PNG\r\n\x1a\n....".as_slice(), true),
            (AttachmentType::Jpeg, b"%PDF-1.7".as_slice(), false),
            (AttachmentType::Text, "收据\n".as_bytes(), true),
            (AttachmentType::Text, b"a\0b".as_slice(), false),
            (AttachmentType::Csv, b"\xff\xfe".as_slice(), false),
        ] {
            assert_eq!(kind.fits(content), fits, "{kind:?}");
        }
        for bad in ["", " ", "a/b", "..\\b", "a\nb", "fdp.\u{202e}exe", &"a".repeat(101)] {
            assert!(AttachmentName::parse(bad).is_none(), "{bad:?}");
        }
        assert!(AttachmentName::parse("收据 1.pdf").is_some());
    }
}
