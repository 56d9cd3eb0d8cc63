//! Requests that a partner signed. A signature is verified before anything is done, and kept with
//! the event that it brought.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header;

use crate::clock;
use crate::http::Gateway;
use crate::http::problem::{Problem, SIGNATURE_REQUIRED};
use crate::ids::SignatureId;
use crate::partner::Partner;
use crate::partner::key::in_force;
use crate::partner::signature::{Content, Message, SignatureError, verify};
use crate::store::signatures::NewSignature;

/// The signature on a request, ready to be kept. `None`: there is none, and none is required.
///
/// # Errors
/// [`Problem`], with what is wrong with it.
pub fn read(
    partner: &Partner,
    gateway: &Gateway,
    request: &HttpRequest,
    body: &[u8],
) -> Result<Option<Arc<NewSignature>>, Problem> {
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let target_uri = format!("{}{target}", gateway.issuer);
    let message = Message {
        method: request.method().as_str(),
        target_uri: &target_uri,
        field: &|name| field(request, name),
        body,
    };
    let access = &partner.access;
    let now = clock::now();
    let keys = in_force(&access.keys, gateway.day(now));
    let verified = verify(&message, keys, access.signed_requests, now)?;
    let Some(signed) = verified else { return Ok(None) };
    covers_the_event(request, &signed.content)?;
    let id = SignatureId::random();
    let content = signed.content.with_body(body).map_err(Problem::internal)?;
    let without_body = signed.content.without_body().map_err(Problem::internal)?;
    // Sealed, because even a digest lets somebody with the database guess a phone number.
    let seal = |plain: &[u8]| gateway.keys.personal.seal(id.bytes(), plain);
    let content = seal(&content).map_err(Problem::internal)?;
    let without_body = seal(&without_body).map_err(Problem::internal)?;
    Ok(Some(Arc::new(NewSignature {
        id,
        partner: partner.id.clone(),
        kid: signed.kid,
        algorithm: signed.algorithm,
        thumbprint: signed.thumbprint,
        jwk: signed.jwk,
        created_at: signed.created_at,
        content,
        without_body,
        events: 1,
    })))
}

/// The signature on a request that carried this number of events.
#[must_use]
pub fn of_batch(signed: &NewSignature, events: usize) -> Arc<NewSignature> {
    Arc::new(NewSignature { events, ..signed.clone() })
}

/// In binary mode the headers are part of the event: a signature that leaves one of them out would
/// let anybody make other events of it.
///
/// # Errors
/// `signature-malformed`, naming the first header that is not covered.
fn covers_the_event(request: &HttpRequest, content: &Content) -> Result<(), Problem> {
    let names = request.headers().keys().map(|name| name.as_str());
    let mut attributes = names.filter(|name| name.starts_with("ce-")).peekable();
    let content_type = attributes.peek().map(|_binary| header::CONTENT_TYPE.as_str());
    let mut needed = attributes.chain(content_type);
    match needed.find(|name| !content.headers.contains_key(*name)) {
        None => Ok(()),
        Some(name) => Err(SignatureError::Malformed(format!(
            "Signature-Input: {name} must be covered: in binary mode it is part of the event"
        ))
        .into()),
    }
}

/// Refuses what cannot be signed, where the partner's manifest asks for signatures. `detail` says
/// what the partner should send instead.
///
/// # Errors
/// `signature-required`.
pub fn may_be_missing(partner: &Partner, detail: &'static str) -> Result<(), Problem> {
    if partner.access.signed_requests {
        return Err(Problem::new(&SIGNATURE_REQUIRED, detail));
    }
    Ok(())
}

/// RFC 9421, section 2.1: each line without the space around it, joined by a comma and a space.
fn field(request: &HttpRequest, name: &str) -> Option<String> {
    let lines: Vec<&str> = request
        .headers()
        .get_all(name)
        .map(|value| value.to_str().map(str::trim))
        .collect::<Result<_, _>>()
        .ok()?;
    if lines.is_empty() { None } else { Some(lines.join(", ")) }
}
