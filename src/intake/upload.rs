//! A file on its way in: begun, received part by part, and given up. Each part is sealed before it
//! is kept. A file that is whole waits for the intake, on whichever gateway.

use chrono::{NaiveDate, TimeDelta};

use super::Charset;
use super::stored_file::part_key;
use crate::books::Books;
use crate::clock::{self, Moment};
use crate::customer::PersonalKeys;
use crate::customer::personal::SealError;
use crate::ids::{ImportId, PartnerId};
use crate::store::StoreError;
use crate::store::imports::{self, Import, NewImport, State};

/// Maximum size of what is sealed and kept together, in bytes.
pub const PART_BYTES: usize = 256 * 1024;
/// How long a file may take to become whole.
const EXPIRES_AFTER: TimeDelta = TimeDelta::hours(24);
/// Maximum number of one partner's files that are not whole.
const OPEN_MAX: i64 = 20;

/// Where a partner's files are kept.
#[derive(Clone, Copy)]
pub struct Shelf<'a> {
    pub books: &'a Books,
    pub keys: &'a PersonalKeys,
    /// Maximum size of a file, in bytes.
    pub file_bytes_max: i64,
}

/// What a partner says of a file before it sends the file.
pub struct Announced {
    /// Bytes in the whole file.
    pub length: i64,
    pub business_date: NaiveDate,
    pub file_name: Option<String>,
    pub charset: Option<Charset>,
    pub sha256: Option<[u8; 32]>,
}

/// What came of beginning an upload.
pub enum Begun {
    Upload {
        id: ImportId,
        expires_at: Moment,
    },
    TooLarge,
    /// The partner has as many uploads open as it may.
    TooMany,
}

/// What is known of an upload.
pub enum Found {
    Upload(Box<Import>),
    /// It was not whole in time.
    Expired,
    Unknown,
}

/// What came of adding a part.
pub enum Kept {
    Kept,
    /// With this part the file would be larger than was announced.
    TooLarge,
    /// Another request has added to the file meanwhile.
    Overtaken,
}

/// What came of giving an upload up.
pub enum Removed {
    Removed,
    /// The file is whole, and is taken in.
    Whole,
}

/// Why a file cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// Begins an upload of `who`.
///
/// # Errors
/// The store's.
pub async fn begin(
    who: &PartnerId,
    shelf: Shelf<'_>,
    announced: Announced,
) -> Result<Begun, StoreError> {
    if announced.length > shelf.file_bytes_max {
        return Ok(Begun::TooLarge);
    }
    let (id, now, partner) = (ImportId::random(), clock::now(), who.clone());
    let expires_at = now.plus(EXPIRES_AFTER);
    let begun = shelf
        .books
        .write(move |tx| {
            if imports::receiving(tx.db(), &partner, now)? >= OPEN_MAX {
                return Ok(Begun::TooMany);
            }
            let new = NewImport {
                id,
                partner: &partner,
                business_date: announced.business_date,
                file_name: announced.file_name.as_deref(),
                charset: announced.charset.map(|charset| charset.name()),
                sha256: announced.sha256,
                length: announced.length,
                created_at: now,
                expires_at,
            };
            imports::create(tx, &new)?;
            Ok(Begun::Upload { id, expires_at })
        })
        .await?;
    // An empty file is whole already.
    shelf.books.files_waiting.notify_one();
    Ok(begun)
}

/// Finds an upload of `who`.
///
/// # Errors
/// The store's.
pub async fn find(who: &PartnerId, books: &Books, id: ImportId) -> Result<Found, StoreError> {
    let partner = who.clone();
    let found = books.ask(move |db| imports::get(db, &partner, id)).await?;
    Ok(match found {
        None => Found::Unknown,
        Some(import) if import.state == State::Receiving && import.expires_at <= clock::now() => {
            Found::Expired
        }
        Some(import) => Found::Upload(Box::new(import)),
    })
}

/// Adds a part to the end of a file, and wakes the intake when the file is whole by it.
///
/// # Errors
/// Those of the store and of the keys.
pub async fn keep(
    import: &mut Import,
    shelf: Shelf<'_>,
    part: Vec<u8>,
) -> Result<Kept, UploadError> {
    if part.is_empty() {
        return Ok(Kept::Kept);
    }
    let (id, start) = (import.id, import.received);
    let Some(end) = i64::try_from(part.len()).ok().and_then(|bytes| start.checked_add(bytes))
    else {
        return Ok(Kept::TooLarge);
    };
    if end > import.length {
        return Ok(Kept::TooLarge);
    }
    let keys = shelf.keys.clone();
    let seal = move || keys.seal(part_key(id, "part", start).bytes(), &part);
    let sealed = tokio::task::spawn_blocking(seal).await;
    let sealed = sealed.map_err(|_stopping| StoreError::Exhausted)??;
    let kept = shelf
        .books
        .write(move |tx| imports::append(tx, id, start..end, &sealed, clock::now()))
        .await?;
    match kept {
        Some(is_whole) => {
            import.received = end;
            if is_whole {
                shelf.books.files_waiting.notify_one();
            }
            Ok(Kept::Kept)
        }
        None => Ok(Kept::Overtaken),
    }
}

/// Gives an upload up, with all that was kept of it, as long as the file is not whole.
///
/// # Errors
/// The store's.
pub async fn remove(import: &Import, books: &Books) -> Result<Removed, StoreError> {
    let id = import.id;
    let removed = books.write(move |tx| imports::remove(tx, id)).await?;
    Ok(if removed { Removed::Removed } else { Removed::Whole })
}
