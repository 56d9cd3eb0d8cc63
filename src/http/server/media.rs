//! Media types: what a body is sent as (`Content-Type`), and what a caller wants back (`Accept`).

use std::future::Future;
use std::io::Write;
use std::ops::Deref;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{FromRequest, HttpRequest, web};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::http::problem::{MEDIA_TYPE, Problem};

pub const JSON: &str = "application/json";

/// A body of JSON in UTF-8. An empty body needs no type: the handler says what it lacks.
pub struct JsonBody(pub web::Bytes);

impl Deref for JsonBody {
    type Target = web::Bytes;

    fn deref(&self) -> &web::Bytes {
        &self.0
    }
}

impl FromRequest for JsonBody {
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, actix_web::Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let checked = content_type(request.headers()).and_then(|sent| match sent {
            Some(sent) if sent != JSON => {
                Err(Problem::new(&MEDIA_TYPE, "Send the body as application/json, in UTF-8."))
            }
            sent => Ok(sent.is_some()),
        });
        let body = web::Bytes::from_request(request, payload);
        Box::pin(async move {
            let is_named = checked?;
            let body = body.await?;
            if !is_named && !body.is_empty() {
                return Err(untyped(JSON).into());
            }
            Ok(Self(body))
        })
    }
}

/// A document that is served whole and packed, each time from the same buffer.
pub struct Packed {
    pub plain: web::Bytes,
    /// `None`: it could not be packed.
    pub gzip: Option<web::Bytes>,
}

impl Packed {
    /// Packs a document once.
    pub fn of(document: String) -> Self {
        let mut packer = GzEncoder::new(Vec::new(), Compression::best());
        let packed = packer.write_all(document.as_bytes()).and_then(|()| packer.finish());
        Self { plain: document.into(), gzip: packed.ok().map(Into::into) }
    }
}

/// Whether the caller takes gzip (RFC 9110, section 12.5.3).
pub fn accepts_gzip(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::ACCEPT_ENCODING).filter_map(|value| value.to_str().ok());
    let codings: Vec<&str> = lines.flat_map(|line| line.split(',')).collect();
    let quality = |name: &str| codings.iter().find_map(|coding| quality_of(coding, name));
    quality("gzip").or_else(|| quality("*")).is_some_and(|quality| quality > 0)
}

/// The quality of a coding, where the element names it.
fn quality_of(element: &str, name: &str) -> Option<u16> {
    let mut parts = element.split(';').map(str::trim);
    let named = parts.next()?.eq_ignore_ascii_case(name);
    named.then(|| quality(parts))
}

/// A body without a type.
pub fn untyped(expected: &str) -> Problem {
    Problem::new(&MEDIA_TYPE, format!("Content-Type is missing: expected {expected}."))
}

/// The media type of the body in lower case, without its parameters. Its charset is UTF-8, or not
/// stated. `None`: the header is missing.
///
/// # Errors
/// 415, where the header stands twice, cannot be read, or declares another charset.
pub fn content_type(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let wrong = |detail: &'static str| Problem::new(&MEDIA_TYPE, detail);
    let mut values = headers.get_all(header::CONTENT_TYPE);
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(wrong("Content-Type: expected once."));
    }
    let unreadable = "Content-Type: expected a media type, such as application/json.";
    let text = value.to_str().map_err(|_not_ascii| wrong(unreadable))?;
    let mut parts = text.split(';');
    let essence = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
    for parameter in parts {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value = value.trim().trim_matches('"');
        let is_utf_8 =
            ["utf-8", "utf8", "us-ascii"].iter().any(|it| value.eq_ignore_ascii_case(it));
        if name.trim().eq_ignore_ascii_case("charset") && !is_utf_8 {
            return Err(wrong("Content-Type: expected charset=utf-8: send the body in UTF-8."));
        }
    }
    Ok(Some(essence))
}

/// How much a caller wants a media type: thousandths, and how exactly the header names the type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Wish {
    quality: u16,
    precision: u8,
}

/// Which of two media types the caller wants: whether it prefers `other` to `usual` (RFC 9110,
/// section 12.5.1). Without `Accept`, and where neither is wanted more, it is `usual`.
pub fn prefers(headers: &HeaderMap, other: &str, usual: &str) -> bool {
    let lines = headers.get_all(header::ACCEPT).filter_map(|value| value.to_str().ok());
    let ranges: Vec<&str> = lines.flat_map(|line| line.split(',')).collect();
    let (other, usual) = (wish(&ranges, other), wish(&ranges, usual));
    // A type with the quality 0 is not acceptable, however exactly it is named.
    other.quality > 0 && other > usual
}

/// The quality of the most exact range that fits.
fn wish(ranges: &[&str], media_type: &str) -> Wish {
    let (kind, _subtype) = media_type.split_once('/').unwrap_or((media_type, ""));
    let mut best = Wish::default();
    for range in ranges {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let precision = if name.eq_ignore_ascii_case(media_type) {
            3
        } else if name.to_ascii_lowercase().strip_suffix("/*") == Some(kind) {
            2
        } else if name == "*/*" {
            1
        } else {
            continue;
        };
        let quality = quality(parts);
        if precision > best.precision || (precision == best.precision && quality > best.quality) {
            best = Wish { quality, precision };
        }
    }
    best
}

/// The quality among an element's parameters; 1 without one.
fn quality<'a>(parameters: impl Iterator<Item = &'a str>) -> u16 {
    parameters
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(name, _value)| name.trim().eq_ignore_ascii_case("q"))
        .map_or(1_000, |(_q, value)| thousandths(value.trim()))
}

/// A quality value (RFC 9110, section 12.4.2): 0 to 1, with at most three decimals. What is none
/// counts as 0.
fn thousandths(text: &str) -> u16 {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let is_number = decimals.len() <= 3 && decimals.bytes().all(|byte| byte.is_ascii_digit());
    match (whole, is_number) {
        ("1", true) => 1_000,
        ("0", true) => format!("{decimals:0<3}").parse().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn headers(name: header::HeaderName, values: &[&str]) -> HeaderMap {
        let request = values
            .iter()
            .fold(TestRequest::post(), |post, value| post.append_header((name.clone(), *value)));
        request.to_http_request().headers().clone()
    }

    #[test]
    fn only_utf_8_is_read_and_a_type_stands_once() {
        let read = |values: &[&str]| {
            content_type(&headers(header::CONTENT_TYPE, values))
                .map_err(|problem| problem.status().as_u16())
        };
        assert_eq!(read(&[]), Ok(None));
        for good in
            ["application/json", "Application/JSON; charset=\"UTF-8\"", " application/json ;a=b"]
        {
            assert_eq!(read(&[good]), Ok(Some(JSON.to_owned())), "{good}");
        }
        for bad in [
            &["application/json; charset=gbk"][..],
            &[JSON, JSON],
            &["application/json;charset=utf-16"],
        ] {
            assert_eq!(read(bad), Err(415), "{bad:?}");
        }
    }

    #[test]
    fn a_quality_of_zero_is_not_acceptable_and_the_most_exact_range_counts() {
        let jose =
            |accept: &[&str]| prefers(&headers(header::ACCEPT, accept), "application/jose", JSON);
        for wanted in [
            &["application/jose"][..],
            &["application/jose, */*;q=0.1"],
            &["application/jose;q=0.5", "application/json;q=0.4"],
            &["application/jose, */*"],
            &["APPLICATION/JOSE;Q=1.000"],
        ] {
            assert!(jose(wanted), "{wanted:?}");
        }
        for not_wanted in [
            &[][..],
            &["*/*"],
            &["application/*"],
            &["application/jose;q=0, application/json"],
            &["application/jose;q=0, */*;q=0"],
            &["application/jose;q=0.2, application/json;q=0.3"],
            &["application/jose;q=0.5, */*"],
            &["application/jose;q=nonsense"],
            &["text/html"],
        ] {
            assert!(!jose(not_wanted), "{not_wanted:?}");
        }
    }
}
