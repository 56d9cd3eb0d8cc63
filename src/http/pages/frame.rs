//! A page as it is answered: whole, small, and with nothing on it from elsewhere.

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use askama::Template;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::http::problem::Problem;

/// Where a page's style stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageStyle {
    /// In a sheet of ours that the page links to.
    Linked,
    /// In the page, which can be kept and printed by itself: the text of its one `<style>`.
    Inside(&'static str),
}

/// Whether a page stands in a frame of a page of ours, or has such a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// It is alone, as nearly all pages are.
    Alone,
    /// It has a part in a frame, which renews itself.
    HasFrame,
    IsFrame,
}

impl PageStyle {
    /// `Content-Security-Policy`: nothing is run, nothing is loaded but our own style, and forms go
    /// to us only.
    fn policy(self, framing: Framing) -> String {
        let style = match self {
            Self::Linked => "'self'".to_owned(),
            Self::Inside(text) => {
                let hash = digest(&SHA256, text.as_bytes());
                format!("'sha256-{}'", STANDARD.encode(hash))
            }
        };
        let (framed, ancestors) = match framing {
            Framing::Alone => ("", "'none'"),
            Framing::HasFrame => (" frame-src 'self';", "'none'"),
            Framing::IsFrame => ("", "'self'"),
        };
        format!(
            "default-src 'none'; style-src {style};{framed} form-action 'self'; base-uri 'none'; \
             frame-ancestors {ancestors}"
        )
    }
}

/// Answers with a page that stands alone.
///
/// # Errors
/// `internal`, when the template cannot be rendered.
pub fn show(
    status: StatusCode,
    page: &impl Template,
    style: PageStyle,
) -> Result<HttpResponse, Problem> {
    show_framed(status, page, style, Framing::Alone)
}

/// Answers with a page.
///
/// # Errors
/// `internal`, when the template cannot be rendered.
pub fn show_framed(
    status: StatusCode,
    page: &impl Template,
    style: PageStyle,
    framing: Framing,
) -> Result<HttpResponse, Problem> {
    let text = page.render().map_err(|error| Problem::internal(error.to_string()))?;
    Ok(HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CONTENT_SECURITY_POLICY, style.policy(framing)))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::REFERRER_POLICY, "same-origin"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::VARY, "Accept-Language, Cookie"))
        .body(text))
}
