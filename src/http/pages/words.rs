//! What pages say, in English and Chinese. A page lists its words with `words!`; a word without one
//! of the two languages does not compile.

use std::cmp::Reverse;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};

use super::accept::weighed;
use super::cookie::{Cookie, SameSite, read_cookie};

/// A language of the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    English,
    Chinese,
}

/// Declares a struct with a field for each word, and the two languages of it.
macro_rules! words {
    ($(#[$about:meta])* $words:ident { $($name:ident: $english:literal, $chinese:literal;)* }) => {
        $(#[$about])*
        pub struct $words {
            $(pub $name: &'static str,)*
        }

        impl $words {
            pub const ENGLISH: &'static Self = &Self { $($name: $english,)* };
            pub const CHINESE: &'static Self = &Self { $($name: $chinese,)* };

            pub const fn of(language: $crate::http::pages::words::Language) -> &'static Self {
                match language {
                    $crate::http::pages::words::Language::English => Self::ENGLISH,
                    $crate::http::pages::words::Language::Chinese => Self::CHINESE,
                }
            }
        }
    };
}
pub(crate) use words;

/// The cookie that keeps the language.
const LANGUAGE: &str = "lang";
const YEAR_SECONDS: i64 = 365 * 24 * 3_600;

impl Language {
    /// The language that was chosen on the page, or else the one that the browser prefers.
    pub fn of(request: &HttpRequest) -> Self {
        let kept = || read_cookie(request, LANGUAGE).and_then(Self::by_tag);
        let preferred = || Self::preferred(request);
        chosen(request).or_else(kept).or_else(preferred).unwrap_or(Self::English)
    }

    /// The language of ours that `Accept-Language` weighs highest; the first of equals. `q=0` means
    /// that a language is not acceptable (RFC 9110, sections 12.4.2 and 12.5.4).
    pub fn preferred(request: &HttpRequest) -> Option<Self> {
        let lists = request.headers().get_all(header::ACCEPT_LANGUAGE);
        let ranges = lists.filter_map(|list| list.to_str().ok()).flat_map(|list| list.split(','));
        let (mut named, mut any) = (Vec::new(), None);
        for (place, range) in ranges.enumerate() {
            let (tag, weight) = weighed(range);
            match Self::by_tag(tag) {
                Some(language) => named.push((language, weight, place)),
                // Every language that is not named.
                None if tag == "*" => any = any.or(Some((weight, place))),
                None => {}
            }
        }
        for language in [Self::English, Self::Chinese] {
            let is_named = named.iter().any(|(other, ..)| *other == language);
            if let Some((weight, place)) = any.filter(|_any| !is_named) {
                named.push((language, weight, place));
            }
        }
        let acceptable = named.into_iter().filter(|(_language, weight, _place)| *weight > 0);
        let best = acceptable.min_by_key(|(_language, weight, place)| (Reverse(*weight), *place));
        best.map(|(language, ..)| language)
    }

    /// A language by its primary subtag (BCP 47): `zh`, `zh-CN`, `en-GB`.
    pub fn by_tag(tag: &str) -> Option<Self> {
        let primary = tag.trim().split('-').next()?;
        match primary.to_ascii_lowercase().as_str() {
            "zh" => Some(Self::Chinese),
            "en" => Some(Self::English),
            _ => None,
        }
    }

    pub const fn is_chinese(self) -> bool {
        matches!(self, Self::Chinese)
    }
}

/// The language that a link on the page chose.
pub fn chosen(request: &HttpRequest) -> Option<Language> {
    let pairs = request.query_string().split('&');
    let tag = pairs.filter_map(|pair| pair.strip_prefix("lang=")).next()?;
    Language::by_tag(tag)
}

/// Keeps the language that a link chose on the pages below a path, for a year.
pub fn keep_language(request: &HttpRequest, path: &str, response: &mut HttpResponse) {
    let Some(language) = chosen(request) else { return };
    let value = if language.is_chinese() { "zh" } else { "en" };
    let cookie = Cookie {
        name: LANGUAGE,
        value,
        path,
        seconds: YEAR_SECONDS,
        secure: false,
        same_site: SameSite::Strict,
    };
    if let Ok(header) = cookie.header() {
        response.headers_mut().append(header::SET_COOKIE, header);
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn asked(uri: &str, accepted: &str) -> Language {
        let request = TestRequest::with_uri(uri).insert_header(("accept-language", accepted));
        Language::of(&request.to_http_request())
    }

    #[test]
    fn the_link_comes_before_the_browser() {
        assert_eq!(asked("/m/a", "zh-CN,zh;q=0.9,en;q=0.8"), Language::Chinese);
        assert_eq!(asked("/m/a", "fr, en-GB, zh"), Language::English);
        assert_eq!(asked("/m/a", ""), Language::English);
        assert_eq!(asked("/m/a?lang=en", "zh-CN"), Language::English);
        assert_eq!(asked("/m/a?lang=zh", "en"), Language::Chinese);
    }

    #[test]
    fn the_browser_prefers_by_its_quality_values() {
        assert_eq!(asked("/m/a", "en;q=0.1, zh-CN;q=0.9"), Language::Chinese);
        assert_eq!(asked("/m/a", "zh;q=0, en"), Language::English);
        assert_eq!(asked("/m/a", "zh;q=0"), Language::English);
        assert_eq!(asked("/m/a", "zh;q=0.5, *;q=0.9"), Language::English);
        assert_eq!(asked("/m/a", "en;q=0, *"), Language::Chinese);
        assert_eq!(asked("/m/a", "*"), Language::English);
        assert_eq!(asked("/m/a", "en ; Q=0.5 , zh ; q=0.501"), Language::Chinese);
        assert_eq!(asked("/m/a", "en;q=0.5,zh;q=0.5"), Language::English);
        assert_eq!(asked("/m/a", "en;q=wide, zh;q=0.001"), Language::Chinese);
        assert_eq!(asked("/m/a", "zhx, en;q=0.2"), Language::English);
    }
}
