//! Cookies that only our own pages send, and no script reads (RFC 6265, section 4.1).

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderValue, InvalidHeaderValue};

/// Whether the browser sends a cookie when a link of another site leads here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    Strict,
    /// The browser sends the cookie when the person comes from another site by a link, as from an identity provider.
    Lax,
}

/// A cookie to be set.
pub struct Cookie<'a> {
    pub name: &'a str,
    /// Empty to take the cookie away, with `seconds` 0.
    pub value: &'a str,
    /// The path below which the browser sends the cookie.
    pub path: &'a str,
    pub seconds: i64,
    /// Whether the browser sends the cookie over TLS only.
    pub secure: bool,
    pub same_site: SameSite,
}

impl Cookie<'_> {
    /// The value of `Set-Cookie`.
    ///
    /// # Errors
    /// For a value that cannot stand in a header.
    pub fn header(&self) -> Result<HeaderValue, InvalidHeaderValue> {
        let Self { name, value, path, seconds, secure, same_site } = self;
        let secure = if *secure { "; Secure" } else { "" };
        let same_site = match same_site {
            SameSite::Strict => "Strict",
            SameSite::Lax => "Lax",
        };
        HeaderValue::from_str(&format!(
            "{name}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite={same_site}{secure}"
        ))
    }
}

/// The value of a cookie that a request carries.
pub fn read_cookie<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    let lists = request.headers().get_all(header::COOKIE).filter_map(|list| list.to_str().ok());
    let mut pairs = lists.flat_map(|list| list.split(';'));
    pairs.find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let request = TestRequest::default()
            .insert_header(("cookie", "shop-old=1; shop=2"))
            .append_header(("cookie", "lang=zh"))
            .to_http_request();
        assert_eq!(read_cookie(&request, "shop"), Some("2"));
        assert_eq!(read_cookie(&request, "lang"), Some("zh"));
        assert_eq!(read_cookie(&request, "shop-"), None);
    }
}
