//! What handlers note of a request for those around them: the log, the metrics, and the headers of
//! the answer.

use std::cell::{Cell, OnceCell};
use std::sync::Arc;

use actix_web::http::header::HeaderValue;
use actix_web::{HttpMessage, HttpRequest};

use crate::http::server::limit::Allowance;
use crate::partner::Partner;

/// The partner that sent a request, and what its answer must tell it.
#[derive(Default)]
pub struct Noted {
    pub partner: OnceCell<Arc<Partner>>,
    pub allowance: Cell<Option<Allowance>>,
    pub dpop_nonce: OnceCell<HeaderValue>,
}

/// Notes for the log which partner sent the request.
pub fn note_partner(request: &HttpRequest, partner: &Arc<Partner>) {
    if let Some(noted) = request.extensions().get::<Noted>() {
        // The first partner that was noted stays.
        noted.partner.get_or_init(|| Arc::clone(partner));
    }
}

/// Notes for the answer what is left of the caller's rate.
pub fn note_allowance(request: &HttpRequest, allowance: Allowance) {
    if let Some(noted) = request.extensions().get::<Noted>() {
        noted.allowance.set(Some(allowance));
    }
}

/// Notes for the answer that nothing is left of the caller's rate.
pub fn note_nothing_left(request: &HttpRequest) {
    if let Some(noted) = request.extensions().get::<Noted>() {
        noted.allowance.set(noted.allowance.get().map(Allowance::exhausted));
    }
}

/// Notes for the answer the nonce for the caller's next proof (RFC 9449, section 8).
pub fn note_nonce(request: &HttpRequest, nonce: HeaderValue) {
    if let Some(noted) = request.extensions().get::<Noted>() {
        noted.dpop_nonce.get_or_init(|| nonce);
    }
}

/// The partner that sent the request, once a handler knows it.
pub fn noted_partner(request: &HttpRequest) -> Option<Arc<Partner>> {
    request.extensions().get::<Noted>()?.partner.get().cloned()
}
