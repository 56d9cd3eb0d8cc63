//! Forms: where they may come from, the token that each carries, and how people type.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use aws_lc_rs::{constant_time, rand};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::http::problem::{BAD_REQUEST, Problem};

/// Refuses a form that another site's page has sent. Browsers say where a form comes from
/// (`Sec-Fetch-Site`, `Origin`).
///
/// # Errors
/// `bad-request`.
pub fn check_origin(request: &HttpRequest, issuer: &str) -> Result<(), Problem> {
    let text = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let is_ours = match (text("sec-fetch-site"), text("origin")) {
        (Some(site), _) if site != "same-origin" && site != "none" => false,
        (_, Some(origin)) => {
            let host = origin.split_once("://").map(|(_scheme, host)| host);
            origin == issuer || (host.is_some() && host == text("host"))
        }
        (Some(_) | None, None) => true,
    };
    if is_ours {
        return Ok(());
    }
    Err(Problem::new(&BAD_REQUEST, "The form is another site's: open it here and send it again."))
}

/// A token that stands in each form of one session, so that no other site can send one: 128 random
/// bits.
///
/// # Errors
/// `internal`, when the system gives no random numbers.
pub fn new_token() -> Result<String, Problem> {
    let mut token = [0; 16];
    rand::fill(&mut token).map_err(|_none| Problem::internal("no randomness"))?;
    Ok(URL_SAFE_NO_PAD.encode(token))
}

/// A secret that a browser keeps: 256 random bits.
///
/// # Errors
/// `internal`, when the system gives no random numbers.
pub fn new_secret() -> Result<String, Problem> {
    let mut secret = [0; 32];
    rand::fill(&mut secret).map_err(|_none| Problem::internal("no randomness"))?;
    Ok(URL_SAFE_NO_PAD.encode(secret))
}

/// Whether a form carries the session's token, compared in constant time.
pub fn is_token(own: &str, sent: &str) -> bool {
    constant_time::verify_slices_are_equal(own.as_bytes(), sent.as_bytes()).is_ok()
}

/// Sends the browser to the page that shows what was done: loading that page again does nothing.
pub fn see_other(path: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, path)).finish()
}

/// A text as it is meant: without space around it, and with the full-width digits, letters and
/// points of an input method made plain.
pub fn plain(text: &str) -> String {
    let narrow = text.trim().chars().map(|c| match c {
        '。' => '.',
        '\u{3000}' => ' ',
        '\u{ff01}'..='\u{ff5e}' => {
            u32::from(c).checked_sub(0xfee0).and_then(char::from_u32).unwrap_or(c)
        }
        c => c,
    });
    narrow.collect::<String>().trim().to_owned()
}

/// An amount as it is meant: as [`plain`], and without the sign of the currency.
pub fn plain_amount(text: &str) -> String {
    plain(text).trim_start_matches(['¥', '￥']).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn what_is_typed_with_an_input_method_is_read_as_meant() {
        assert_eq!(plain_amount(" ￥１２．５０　"), "12.50");
        assert_eq!(plain_amount("¥ 12。5"), "12.5");
        assert_eq!(plain("ｍ－１"), "m-1");
    }

    #[test]
    fn a_form_of_another_site_is_refused() {
        let from = |headers: &[(&'static str, &'static str)]| {
            let mut request = TestRequest::post().insert_header(("host", "bank.example"));
            for header in headers {
                request = request.insert_header(*header);
            }
            check_origin(&request.to_http_request(), "https://bank.example").is_ok()
        };
        assert!(from(&[]));
        assert!(from(&[("sec-fetch-site", "same-origin")]));
        assert!(from(&[("origin", "https://bank.example")]));
        assert!(!from(&[("sec-fetch-site", "cross-site")]));
        assert!(!from(&[("origin", "https://evil.example")]));
        assert!(!from(&[("origin", "null")]));
    }

    #[test]
    fn only_the_sessions_own_token_is_taken() {
        let token = new_token().unwrap();
        assert!(is_token(&token, &token));
        assert!(!is_token(&token, ""));
        assert_ne!(token, new_token().unwrap());
    }
}
