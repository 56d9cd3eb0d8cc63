//! Quality values: what a client prefers, and what it does not take (RFC 9110, section 12.4.2).

use actix_web::HttpRequest;
use actix_web::http::header;

/// A range of a list and its quality value in thousandths; 0 for a value that cannot be read, which
/// is taken as "not acceptable".
pub fn weighed(range: &str) -> (&str, u16) {
    let mut parts = range.split(';');
    let name = parts.next().unwrap_or_default().trim();
    let quality = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then(|| value.trim())
    });
    (name, quality.map_or(1_000, thousandths))
}

/// Whether a client asks for a page: `Accept` names HTML, and does not weigh JSON higher.
pub fn prefers_html(request: &HttpRequest) -> bool {
    let Wanted { html, json } = Wanted::by(request);
    html > 0 && html >= json
}

/// Whether a client asks for JSON: `Accept` names it, and weighs HTML lower.
pub fn prefers_json(request: &HttpRequest) -> bool {
    let Wanted { html, json } = Wanted::by(request);
    json > html
}

/// How a client weighs the two forms, where it names them.
struct Wanted {
    html: u16,
    json: u16,
}

impl Wanted {
    fn by(request: &HttpRequest) -> Self {
        let lists = request.headers().get_all(header::ACCEPT).filter_map(|list| list.to_str().ok());
        let mut wanted = Self { html: 0, json: 0 };
        for (media, weight) in lists.flat_map(|list| list.split(',')).map(weighed) {
            if media.eq_ignore_ascii_case("text/html") {
                wanted.html = wanted.html.max(weight);
            } else if media.eq_ignore_ascii_case("application/json") {
                wanted.json = wanted.json.max(weight);
            }
        }
        wanted
    }
}

/// `0.9` as 900: one digit before the point and up to three after it.
fn thousandths(text: &str) -> u16 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let is_valid = matches!(whole, "0" | "1")
        && part.len() <= 3
        && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_valid {
        return 0;
    }
    let digits = format!("{whole}{part:0<3}");
    digits.parse::<u16>().unwrap_or(0).min(1_000)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_page_is_for_those_who_prefer_one() {
        let html = |accept: &str| {
            let request = TestRequest::default().insert_header(("accept", accept));
            prefers_html(&request.to_http_request())
        };
        assert!(html("text/html"));
        assert!(html("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"));
        assert!(!html("*/*"));
        assert!(!html("text/html;q=0, application/json"));
        assert!(!html("text/html;q=0.5, application/json"));
        assert!(html("application/json;q=0.5, text/html"));
    }
}
