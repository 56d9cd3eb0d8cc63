//! The one list of everything that is sealed or indexed with the keys of personal data. `keys status`,
//! sealing anew and `keys retire` are made from it, so none of them can forget a kind.

use crate::clock;
use crate::customer::personal::{PersonalKeys, SealError};
use crate::customer::reading::TO_RESEAL;
use crate::customer::{Reading, Sealed};
use crate::event::Contact;
use crate::ids::{
    AttachmentId, ImportId, PartKey, ReferralId, RequestKey, SignatureId, StatementId,
    StatementUploadId,
};
use crate::intake::job::part_key;
use crate::reconcile::statement_original::part_key as statement_part_key;
use crate::reconcile::statement_uploads::part_key as upload_part;
use crate::referral::Person;
use crate::store::personal::Resealed;
use crate::store::sealed::{self, FilePlace};
use crate::store::{
    Db, StoreError, idempotency_keys, personal, referral_claims, referrals, signatures,
};

/// A kind of record that is sealed. A new place that calls `PersonalKeys::seal` is a new kind here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealedKind {
    Contacts,
    SignedRequests,
    /// Answers kept for repeated requests.
    Answers,
    /// Parts of files that are being received, or wait to be taken in.
    FileParts,
    RejectedLines,
    /// Parts of the files of statements, as they came.
    StatementFiles,
    /// Parts of statements that are being received, or wait to be taken in.
    StatementUploads,
    /// Files that are attached to breaks.
    Attachments,
}

/// How far a pass over one kind and one key has come.
#[derive(Clone, Copy, Debug, Default)]
pub struct Place {
    contact: Option<ReferralId>,
    indexed: Option<ReferralId>,
    signature: Option<SignatureId>,
    answer: Option<RequestKey>,
    file: Option<FilePlace>,
    attachment: Option<AttachmentId>,
}

/// What one round came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Round {
    /// Records that were looked at; none when the kind has nothing left under the key.
    pub found: u64,
    pub sealed: u64,
    /// Records that could not be opened, and stay as they are.
    pub unreadable: u64,
}

/// Records in one round: one short transaction of the database.
const ROWS_MAX: i64 = 200;
/// The same for parts of files, each of which may have 256 KiB.
const PARTS_MAX: i64 = 16;

impl SealedKind {
    pub const ALL: [Self; 8] = [
        Self::Contacts,
        Self::SignedRequests,
        Self::Answers,
        Self::FileParts,
        Self::RejectedLines,
        Self::StatementFiles,
        Self::StatementUploads,
        Self::Attachments,
    ];

    /// As `keys status` names it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Contacts => "contacts",
            Self::SignedRequests => "signed requests",
            Self::Answers => "answers",
            Self::FileParts => "parts of files",
            Self::RejectedLines => "rejected lines",
            Self::StatementFiles => "files of statements",
            Self::StatementUploads => "parts of statements",
            Self::Attachments => "attachments",
        }
    }

    /// The table of its records, which names their key in the column `key_id`.
    #[must_use]
    pub const fn table(self) -> &'static str {
        match self {
            Self::Contacts => "personal_data",
            Self::SignedRequests => "signed_contents",
            Self::Answers => "idempotency_keys",
            Self::FileParts => "import_parts",
            Self::RejectedLines => "import_rejects",
            Self::StatementFiles => "statement_originals",
            Self::StatementUploads => "statement_upload_parts",
            Self::Attachments => "break_attachments",
        }
    }

    /// How many records each key has sealed.
    pub fn count_by_key(self, db: &mut Db) -> Result<Vec<(String, i64)>, StoreError> {
        match self {
            Self::Contacts => personal::count_by_key(db).map(|[sealed, _indexed]| sealed),
            Self::SignedRequests => signatures::count_by_key(db),
            Self::Answers => idempotency_keys::count_by_key(db),
            Self::FileParts => sealed::file_parts_by_key(db),
            Self::RejectedLines => sealed::rejected_lines_by_key(db),
            Self::StatementFiles => sealed::statement_files_by_key(db),
            Self::StatementUploads => sealed::statement_uploads_by_key(db),
            Self::Attachments => sealed::attachments_by_key(db),
        }
    }

    /// Seals some of the records of an older key with the current one. Records are looked up outside
    /// of the write transaction, and without any there is none.
    pub fn reseal(
        self,
        db: &mut Db,
        keys: &PersonalKeys,
        older: &str,
        place: &mut Place,
    ) -> Result<Round, StoreError> {
        match self {
            Self::Contacts => {
                let ids = sealed::contacts(db, older, place.contact, ROWS_MAX)?;
                place.contact = ids.last().copied().or(place.contact);
                contacts(db, keys, &ids)
            }
            Self::SignedRequests => {
                let ids = sealed::signed_requests(db, older, place.signature, ROWS_MAX)?;
                place.signature = ids.last().copied().or(place.signature);
                signed_requests(db, keys, &ids)
            }
            Self::Answers => {
                let found = sealed::answers(db, older, place.answer, ROWS_MAX)?;
                place.answer = found.last().map(|(id, _sealed)| *id).or(place.answer);
                answers(db, keys, &found)
            }
            Self::FileParts => {
                let found = sealed::file_parts(db, older, place.file, PARTS_MAX)?;
                place.file = found.last().map(|(at, _sealed)| *at).or(place.file);
                let anew = again(keys, found, |at| *part_of(at, "part").bytes());
                anew.put(db, |tx, at, sealed| sealed::reseal_file_part(tx, at, older, sealed))
            }
            Self::RejectedLines => {
                let found = sealed::rejected_lines(db, older, place.file, ROWS_MAX)?;
                place.file = found.last().map(|(at, _sealed)| *at).or(place.file);
                let anew = again(keys, found, |at| *part_of(at, "rejects").bytes());
                anew.put(db, |tx, at, sealed| sealed::reseal_rejected_lines(tx, at, older, sealed))
            }
            Self::StatementFiles => {
                let found = sealed::statement_files(db, older, place.file, PARTS_MAX)?;
                place.file = found.last().map(|(at, _sealed)| *at).or(place.file);
                let record = |at: FilePlace| {
                    *statement_part_key(StatementId::from_uuid(at.file), at.place).bytes()
                };
                let anew = again(keys, found, record);
                anew.put(db, |tx, at, sealed| sealed::reseal_statement_file(tx, at, older, sealed))
            }
            Self::Attachments => {
                let found = sealed::attachments(db, older, place.attachment, PARTS_MAX)?;
                place.attachment = found.last().map(|(id, _sealed)| *id).or(place.attachment);
                attachments(db, keys, &found)
            }
            Self::StatementUploads => {
                let found = sealed::statement_uploads(db, older, place.file, PARTS_MAX)?;
                place.file = found.last().map(|(at, _sealed)| *at).or(place.file);
                let id = StatementUploadId::from_uuid;
                let anew = again(keys, found, |at| *upload_part(id(at.file), at.place).bytes());
                anew.put(db, |tx, at, sealed| {
                    sealed::reseal_statement_upload(tx, at, older, sealed)
                })
            }
        }
    }
}

/// The record that a part of an import is sealed for.
fn part_of(at: FilePlace, kind: &str) -> PartKey {
    part_key(ImportId::from_uuid(at.file), kind, at.place)
}

/// Indexes some of the phone numbers of an older index key with the current one.
pub fn index_again(
    db: &mut Db,
    keys: &PersonalKeys,
    older: &str,
    place: &mut Place,
) -> Result<Round, StoreError> {
    let ids = sealed::indexed_contacts(db, older, place.indexed, ROWS_MAX)?;
    place.indexed = ids.last().copied().or(place.indexed);
    contacts(db, keys, &ids)
}

fn reading() -> Reading {
    Reading::by_program("reseal", TO_RESEAL)
}

/// Seals and indexes contacts with the current keys, and records that they were read.
fn contacts(db: &mut Db, keys: &PersonalKeys, ids: &[ReferralId]) -> Result<Round, StoreError> {
    let mut round = Round::of(ids.len());
    if ids.is_empty() {
        return Ok(round);
    }
    db.write(|tx| {
        for id in ids {
            let Some(sealed) = personal::read(tx, *id, &reading(), clock::now())? else { continue };
            let anew = keys.open(id.bytes(), &sealed).and_then(|plain| {
                let contact = Contact::from_json(&plain).ok_or(SealError::Open)?;
                let resealed = Resealed {
                    id: *id,
                    was: sealed.key_id.clone(),
                    sealed: keys.seal(id.bytes(), &plain)?,
                    phone_index: keys.phone_index(&contact.phone),
                };
                let person = Person::of(&contact, |sort, text| keys.blind_indexes(sort, text));
                Ok((resealed, person))
            });
            let Some((anew, person)) = round.readable(anew) else { continue };
            round.count(personal::reseal(tx, &anew)?);
            // The claim on the person holds under the current index key, too.
            let referral = referrals::get(tx.db(), *id)?;
            let product = referral.and_then(|referral| referral.product.parse().ok());
            if let Some(product) = product {
                referral_claims::claim_anew(tx, *id, &person.claims(&product))?;
            }
        }
        Ok::<_, StoreError>(())
    })?;
    Ok(round)
}

/// Seals signed contents with the current key, and records that they were read.
fn signed_requests(
    db: &mut Db,
    keys: &PersonalKeys,
    ids: &[SignatureId],
) -> Result<Round, StoreError> {
    let mut round = Round::of(ids.len());
    if ids.is_empty() {
        return Ok(round);
    }
    db.write(|tx| {
        for id in ids {
            let found = signatures::read_content(tx, *id, &reading(), clock::now())?;
            let Some(sealed) = found else { continue };
            let plain = keys.open(id.bytes(), &sealed);
            let anew = plain.and_then(|plain| keys.seal(id.bytes(), &plain));
            if let Some(anew) = round.readable(anew) {
                round.count(signatures::reseal(tx, *id, &sealed.key_id, &anew)?);
            }
        }
        Ok::<_, StoreError>(())
    })?;
    Ok(round)
}

fn answers(
    db: &mut Db,
    keys: &PersonalKeys,
    found: &[(RequestKey, Sealed)],
) -> Result<Round, StoreError> {
    let mut round = Round::of(found.len());
    let mut list = Vec::new();
    for (id, sealed) in found {
        let plain = keys.open(id.bytes(), sealed);
        let anew = plain.and_then(|plain| keys.seal(id.bytes(), &plain));
        list.extend(round.readable(anew).map(|anew| (*id, sealed, anew)));
    }
    if !list.is_empty() {
        db.write(|tx| {
            for (id, was, anew) in &list {
                round.count(idempotency_keys::reseal(tx, *id, was, anew)?);
            }
            Ok::<_, StoreError>(())
        })?;
    }
    Ok(round)
}

fn attachments(
    db: &mut Db,
    keys: &PersonalKeys,
    found: &[(AttachmentId, Sealed)],
) -> Result<Round, StoreError> {
    let mut round = Round::of(found.len());
    let mut list = Vec::new();
    for (id, sealed) in found {
        let plain = keys.open(id.bytes(), sealed);
        let anew = plain.and_then(|plain| keys.seal(id.bytes(), &plain));
        list.extend(round.readable(anew).map(|anew| (*id, &sealed.key_id, anew)));
    }
    if !list.is_empty() {
        db.write(|tx| {
            for (id, was, anew) in &list {
                round.count(sealed::reseal_attachment(tx, *id, was, anew)?);
            }
            Ok::<_, StoreError>(())
        })?;
    }
    Ok(round)
}

/// Parts of files that are sealed again, and not yet in their places.
struct Again {
    round: Round,
    list: Vec<(FilePlace, Sealed)>,
}

fn again(
    keys: &PersonalKeys,
    found: Vec<(FilePlace, Sealed)>,
    record: impl Fn(FilePlace) -> [u8; 16],
) -> Again {
    let mut again = Again { round: Round::of(found.len()), list: Vec::new() };
    for (at, sealed) in found {
        let record = record(at);
        let plain = keys.open(&record, &sealed);
        let anew = plain.and_then(|plain| keys.seal(&record, &plain));
        again.list.extend(again.round.readable(anew).map(|anew| (at, anew)));
    }
    again
}

impl Again {
    fn put(
        mut self,
        db: &mut Db,
        put: impl Fn(&mut crate::store::LedgerTx<'_>, FilePlace, &Sealed) -> Result<bool, StoreError>,
    ) -> Result<Round, StoreError> {
        if !self.list.is_empty() {
            db.write(|tx| {
                for (at, sealed) in &self.list {
                    self.round.count(put(tx, *at, sealed)?);
                }
                Ok::<_, StoreError>(())
            })?;
        }
        Ok(self.round)
    }
}

impl Round {
    fn of(found: usize) -> Self {
        Self { found: u64::try_from(found).unwrap_or(u64::MAX), sealed: 0, unreadable: 0 }
    }

    /// A record that does not open stays as it is: `keys status` shows that its key has something
    /// left.
    fn readable<T>(&mut self, done: Result<T, SealError>) -> Option<T> {
        match done {
            Ok(value) => Some(value),
            Err(error) => {
                self.unreadable = self.unreadable.saturating_add(1);
                tracing::error!(%error, "a record cannot be sealed with the current key");
                None
            }
        }
    }

    fn count(&mut self, changed: bool) {
        self.sealed = self.sealed.saturating_add(u64::from(changed));
    }
}
