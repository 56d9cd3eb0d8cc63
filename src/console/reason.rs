//! A decision with its reason, as forms send it.

use actix_web::HttpRequest;
use serde::Deserialize;

use super::break_page::FormError;
use super::words::ConsoleWords;
use crate::http::pages::words::Language;

#[derive(Default, Deserialize)]
pub struct DecisionForm {
    #[serde(default)]
    pub reason: String,
}

/// Says that a decision without a reason is none.
pub fn no_reason(request: &HttpRequest) -> FormError {
    let w = ConsoleWords::of(Language::of(request));
    FormError { field: "because", says: w.error_reason.to_owned() }
}
