//! The body of a part of an upload (tus 1.0.0), kept as it comes.

use std::time::Duration;

use actix_web::http::header::{self, HeaderMap};
use actix_web::web;
use futures_util::StreamExt;

use super::tus::Checksum;
use crate::http::problem::{MEDIA_TYPE, Problem, TIMEOUT, TOO_LARGE};
use crate::intake::upload::PART_BYTES;

/// A part with a checksum: all of it is held until it is checked.
const CHECKED_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How long a caller may send nothing.
const IDLE_MAX: Duration = Duration::from_secs(60);
const PART_TYPE: &str = "application/offset+octet-stream";

/// The next piece of a body.
enum Next {
    Bytes(web::Bytes),
    /// The body has ended, or was torn off.
    End,
    /// Nothing came for too long.
    Silence,
}

/// # Errors
/// [`Problem`], when a part is not sent as one.
pub fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let kind = headers.get(header::CONTENT_TYPE).map(|value| value.as_bytes());
    if kind == Some(PART_TYPE.as_bytes()) {
        return Ok(());
    }
    Err(Problem::new(&MEDIA_TYPE, format!("Send it as {PART_TYPE}.")))
}

/// Refuses a body that says that it is longer than what is missing.
///
/// # Errors
/// [`Problem`], when it is.
pub fn check_length(headers: &HeaderMap, left: i64) -> Result<(), Problem> {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let length: Option<i64> = length.and_then(|text| text.parse().ok());
    if length.is_some_and(|bytes| bytes > left) {
        return Err(Problem::new(&TOO_LARGE, "That is more than the file was to have."));
    }
    Ok(())
}

/// Hands the pieces of a body to `keep`, each of `PART_BYTES` at most. What came before a silence or a
/// break is kept too, unless the part has a checksum.
///
/// # Errors
/// Those of `keep`, and what is wrong with the body.
pub async fn receive(
    body: web::Payload,
    checksum: Option<Checksum>,
    mut keep: impl AsyncFnMut(Vec<u8>) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let Some(checksum) = checksum else { return as_it_comes(body, keep).await };
    let part = whole_part(body).await?;
    checksum.check(&part)?;
    for piece in part.chunks(PART_BYTES) {
        keep(piece.to_vec()).await?;
    }
    Ok(())
}

async fn as_it_comes(
    mut body: web::Payload,
    mut keep: impl AsyncFnMut(Vec<u8>) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let mut part = Vec::with_capacity(PART_BYTES);
    loop {
        let came = next(&mut body).await;
        if let Next::Bytes(bytes) = &came {
            part.extend_from_slice(bytes);
            if part.len() < PART_BYTES {
                continue;
            }
        }
        keep(std::mem::take(&mut part)).await?;
        match came {
            Next::Bytes(_) => {}
            Next::End => return Ok(()),
            Next::Silence => return Err(silent()),
        }
    }
}

async fn next(body: &mut web::Payload) -> Next {
    match tokio::time::timeout(IDLE_MAX, body.next()).await {
        Ok(Some(Ok(bytes))) => Next::Bytes(bytes),
        Ok(Some(Err(_)) | None) => Next::End,
        Err(_elapsed) => Next::Silence,
    }
}

fn silent() -> Problem {
    Problem::new(&TIMEOUT, "Nothing came for too long.")
}

async fn whole_part(mut body: web::Payload) -> Result<Vec<u8>, Problem> {
    let mut part = Vec::new();
    loop {
        match next(&mut body).await {
            Next::Bytes(bytes) => {
                if part.len().saturating_add(bytes.len()) > CHECKED_BYTES_MAX {
                    let detail =
                        "A part with Upload-Checksum has at most 4 MiB: send smaller ones.";
                    return Err(Problem::new(&TOO_LARGE, detail));
                }
                part.extend_from_slice(&bytes);
            }
            Next::End => return Ok(part),
            Next::Silence => return Err(silent()),
        }
    }
}
