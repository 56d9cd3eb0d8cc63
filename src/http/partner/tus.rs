//! The upload protocol tus 1.0.0 (tus.io/protocols/resumable-upload), as far as headers go: core,
//! creation, termination, checksum, expiration.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{HttpResponse, web};
use aws_lc_rs::digest::{self, Algorithm};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{Datelike, NaiveDate};

use crate::clock::Moment;
use crate::http::Gateway;
use crate::http::problem::{Problem, TUS_VERSION, UPLOAD_CHECKSUM};
use crate::http::server::paths::{STATEMENT_UPLOADS_PATH, UPLOADS_PATH};
use crate::intake::Charset;
use crate::intake::upload::Announced;
use crate::ledger::chain::Hash;

pub const LENGTH: &str = "upload-length";
pub const OFFSET: &str = "upload-offset";
pub const EXPIRES: &str = "upload-expires";
const METADATA: &str = "upload-metadata";
const CHECKSUM: &str = "upload-checksum";
const VERSION: &str = "1.0.0";
const RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const VERSIONS: HeaderName = HeaderName::from_static("tus-version");
const FILE_NAME_CHARACTERS_MAX: usize = 200;

/// Middleware: says which protocol is spoken on every answer about uploads, errors among them.
///
/// # Errors
/// None of its own.
pub async fn speak_tus(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let path = request.path();
    let is_upload = path.starts_with(UPLOADS_PATH) || path.starts_with(STATEMENT_UPLOADS_PATH);
    let is_options = request.method() == Method::OPTIONS;
    let mut response = next.call(request).await?.map_into_boxed_body();
    if is_upload {
        let is_other = response.status() == StatusCode::PRECONDITION_FAILED;
        let headers = response.headers_mut();
        headers.insert(RESUMABLE, HeaderValue::from_static(VERSION));
        if is_other || is_options {
            headers.insert(VERSIONS, HeaderValue::from_static(VERSION));
        }
    }
    Ok(response)
}

/// `OPTIONS`: what of the protocol is spoken here.
pub async fn get_options(gateway: web::Data<Gateway>) -> HttpResponse {
    HttpResponse::NoContent()
        .insert_header(("tus-extension", "creation,termination,checksum,expiration"))
        .insert_header(("tus-max-size", gateway.upload_bytes_max))
        .insert_header(("tus-checksum-algorithm", "sha1,sha256"))
        .finish()
}

/// The first year in which a file's day may lie.
const BUSINESS_YEAR_MIN: i32 = 2000;

/// The checksum that a part must have.
pub struct Checksum {
    algorithm: &'static Algorithm,
    expected: Vec<u8>,
}

/// Whether the caller speaks our version.
///
/// # Errors
/// [`Problem`], when it does not.
pub fn check_version(headers: &HeaderMap) -> Result<(), Problem> {
    match headers.get(RESUMABLE) {
        Some(version) if version.as_bytes() == VERSION.as_bytes() => Ok(()),
        _ => Err(Problem::new(&TUS_VERSION, "Tus-Resumable: expected 1.0.0.")),
    }
}

/// A count of bytes in a header.
///
/// # Errors
/// [`Problem`], when it is missing or no such number.
pub fn bytes_in(headers: &HeaderMap, name: &'static str) -> Result<i64, Problem> {
    let text = headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let count = is_number.then(|| text.parse().ok()).flatten();
    count.ok_or_else(|| Problem::parameter(name, "expected a number of bytes"))
}

/// What a creation says of a file, whatever the file is.
pub struct FileSaid {
    pub length: i64,
    pub file_name: Option<String>,
    pub charset: Option<Charset>,
    pub sha256: Option<[u8; 32]>,
    metadata: Vec<(String, String)>,
}

impl FileSaid {
    /// # Errors
    /// [`Problem`], with the header, or the key of the metadata, that is wrong.
    pub fn read(headers: &HeaderMap) -> Result<Self, Problem> {
        let length = bytes_in(headers, LENGTH)?;
        let metadata = read_metadata(headers)?;
        let value = |key: &str| find(&metadata, key);
        let is_name = |name: &str| {
            (1..=FILE_NAME_CHARACTERS_MAX).contains(&name.chars().count())
                && !name.chars().any(char::is_control)
        };
        let file_name = match value("filename") {
            Some(name) if !is_name(name) => return Err(wrong("filename", "1 to 200 characters")),
            name => name.map(str::to_owned),
        };
        let charset = value("charset")
            .map(|name| Charset::by_name(name).ok_or_else(|| wrong("charset", "utf-8 or gb18030")));
        let sha256 = value("sha256").map(|hash| {
            let hash = Hash::parse(hash).map(|hash| hash.0);
            hash.ok_or_else(|| wrong("sha256", "64 hexadecimal digits"))
        });
        let (charset, sha256) = (charset.transpose()?, sha256.transpose()?);
        Ok(Self { length, file_name, charset, sha256, metadata })
    }

    /// The value of a key of the metadata.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&str> {
        find(&self.metadata, key)
    }
}

fn find<'a>(metadata: &'a [(String, String)], key: &str) -> Option<&'a str> {
    metadata.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
}

/// What is wrong with a key of the metadata.
pub fn wrong(key: &str, expected: &str) -> Problem {
    Problem::parameter(METADATA, &format!("{key}: expected {expected}"))
}

/// Reads what a creation says of a file of a day. The day may be a day ahead of `today`, as clocks and
/// zones differ.
///
/// # Errors
/// [`Problem`], with the header, or the key of the metadata, that is wrong.
pub fn read_announced(headers: &HeaderMap, today: NaiveDate) -> Result<Announced, Problem> {
    let said = FileSaid::read(headers)?;
    let day = said.value("business_date").and_then(|day| business_date(day, today));
    let expected = "the file's day, such as 2026-11-24, and no day to come";
    let business_date = day.ok_or_else(|| wrong("business_date", expected))?;
    let FileSaid { length, file_name, charset, sha256, metadata: _ } = said;
    Ok(Announced { length, business_date, file_name, charset, sha256 })
}

/// The day of a file. `None`: it is not written as a date, or is no day of a file.
#[must_use]
pub fn business_date(text: &str, today: NaiveDate) -> Option<NaiveDate> {
    let day = text.parse::<NaiveDate>().ok().filter(|day| day.to_string() == text)?;
    let is_past = day <= today.succ_opt().unwrap_or(today);
    (day.year() >= BUSINESS_YEAR_MIN && is_past).then_some(day)
}

/// Keys and values, these in base64; a key may stand alone.
fn read_metadata(headers: &HeaderMap) -> Result<Vec<(String, String)>, Problem> {
    let mut lines = headers.get_all(METADATA);
    let Some(text) = lines.next() else { return Ok(Vec::new()) };
    if lines.next().is_some() {
        return Err(Problem::parameter(METADATA, "expected once"));
    }
    let expected = "expected keys and values in base64, such as filename ZGF5LmNzdg==,…";
    let wrong = || Problem::parameter(METADATA, expected);
    let text = text.to_str().map_err(|_not_ascii| wrong())?;
    let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    let pairs: Vec<(String, String)> = pairs
        .map(|pair| {
            let (key, value) = pair.split_once(' ').unwrap_or((pair, ""));
            let value = STANDARD.decode(value.trim()).map_err(|_bad| wrong())?;
            let value = String::from_utf8(value).map_err(|_bad| wrong())?;
            Ok((key.to_owned(), value))
        })
        .collect::<Result<_, Problem>>()?;
    for (index, (key, _value)) in pairs.iter().enumerate() {
        if pairs.iter().skip(index.saturating_add(1)).any(|(later, _value)| later == key) {
            let detail = format!("{key}: the key stands more than once");
            return Err(Problem::parameter(METADATA, &detail));
        }
    }
    Ok(pairs)
}

/// The checksum that came with a part, if one did.
///
/// # Errors
/// [`Problem`], when it cannot be read or is of a kind that is not checked here.
pub fn read_checksum(headers: &HeaderMap) -> Result<Option<Checksum>, Problem> {
    let Some(text) = headers.get(CHECKSUM) else { return Ok(None) };
    let wrong =
        || Problem::parameter(CHECKSUM, "expected sha1 or sha256, a space, and the hash in base64");
    let text = text.to_str().map_err(|_not_ascii| wrong())?;
    let (name, hash) = text.split_once(' ').ok_or_else(wrong)?;
    let algorithm = match name {
        "sha1" => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        "sha256" => &digest::SHA256,
        _ => return Err(wrong()),
    };
    let expected = STANDARD.decode(hash).map_err(|_bad| wrong())?;
    Ok(Some(Checksum { algorithm, expected }))
}

impl Checksum {
    /// # Errors
    /// [`Problem`], when the part is another.
    pub fn check(&self, part: &[u8]) -> Result<(), Problem> {
        if digest::digest(self.algorithm, part).as_ref() == self.expected {
            return Ok(());
        }
        Err(Problem::new(&UPLOAD_CHECKSUM, "The part is not what its Upload-Checksum says."))
    }
}

/// RFC 9110, section 5.6.7.
#[must_use]
pub fn http_date(moment: Moment) -> String {
    moment.utc().format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
        let request = list.iter().fold(TestRequest::post(), |post, pair| post.append_header(*pair));
        request.to_http_request().headers().clone()
    }

    fn told(list: &[(&'static str, &str)]) -> String {
        match read_announced(&headers(list), NaiveDate::from_ymd_opt(2026, 11, 23).unwrap()) {
            Ok(file) => {
                format!("{} {} {:?}", file.length, file.business_date, file.file_name)
            }
            Err(problem) => problem.to_string(),
        }
    }

    #[test]
    fn what_is_announced_is_read_and_what_is_wrong_is_named() {
        let day = format!("business_date {}", STANDARD.encode("2026-11-24"));
        let whole = format!("{day},filename {},kept", STANDARD.encode("日报.csv"));
        assert_eq!(told(&[(LENGTH, "12"), (METADATA, &whole)]), "12 2026-11-24 Some(\"日报.csv\")");
        for (length, metadata, part) in [
            ("", day.as_str(), "upload-length"),
            ("-1", day.as_str(), "upload-length"),
            ("+1", day.as_str(), "upload-length"),
            ("1", "", "business_date"),
            ("1", "business_date !", "base64"),
            ("1", &format!("{day},charset {}", STANDARD.encode("latin-1")), "charset"),
            ("1", &format!("{day},sha256 {}", STANDARD.encode("abc")), "sha256"),
            ("1", &format!("{day},filename {}", STANDARD.encode("a\nb")), "filename"),
        ] {
            let told = told(&[(LENGTH, length), (METADATA, metadata)]);
            assert!(told.starts_with("parameter: ") && told.contains(part), "{told}");
        }
    }

    #[test]
    fn the_day_of_a_file_is_a_date_and_not_to_come() {
        let today = NaiveDate::from_ymd_opt(2026, 11, 23).unwrap();
        for good in ["2026-11-23", "2026-11-24", "2017-01-01", "2000-01-01"] {
            assert!(business_date(good, today).is_some(), "{good}");
        }
        for bad in
            ["2026-11-25", "2027-11-20", "1999-12-31", "0001-01-01", "2026-11-2", "+2026-11-20", ""]
        {
            assert!(business_date(bad, today).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_part_is_what_its_checksum_says() {
        let sum = |text: &str| read_checksum(&headers(&[(CHECKSUM, text)]));
        let good = sum("sha1 qZk+NkcGgWq6PiVxeFDCbJzQ2J0=").unwrap().unwrap();
        assert!(good.check(b"abc").is_ok());
        assert_eq!(good.check(b"abd").unwrap_err().status().as_u16(), 460);
        for bad in ["md5 abc=", "sha1", "sha1 !!"] {
            assert_eq!(sum(bad).err().unwrap().status(), 400, "{bad}");
        }
        assert!(read_checksum(&headers(&[])).unwrap().is_none());
    }

    #[test]
    fn a_date_is_as_http_writes_it() {
        let moment = Moment::parse("2026-11-24T09:05:03.5Z").unwrap();
        assert_eq!(http_date(moment), "Tue, 24 Nov 2026 09:05:03 GMT");
    }
}
