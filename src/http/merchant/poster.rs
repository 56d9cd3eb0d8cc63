//! The poster that the bank prints for a shop, with the code that opens its form.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::door::enter;
use super::page::{Frame, show};
use super::words::ShopWords;
use crate::http::Gateway;
use crate::http::pages::qr::QrDrawing;
use crate::http::problem::Problem;

#[derive(Template)]
#[template(path = "merchant/poster.html", config = "src/http/askama.toml")]
struct Poster<'a> {
    w: &'static ShopWords,
    english: &'static ShopWords,
    shop: &'a str,
    url: &'a str,
    code: QrDrawing,
    /// The text of the style, where the page stands alone; else empty.
    style: &'static str,
}

/// Why there is no poster.
#[derive(Debug, thiserror::Error)]
pub enum PosterError {
    #[error("the address {0} is too long for a code")]
    TooLong(String),
    #[error("the page cannot be made")]
    Page(#[from] askama::Error),
}

/// `GET /m/{partner}/poster`: the page to print.
pub async fn get_poster(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let shop = enter(&request, &gateway)?;
    let Frame { base, .. } = Frame::new(&request, &shop, None);
    let url = format!("{}{base}", gateway.issuer);
    let code = code_of(&url).map_err(|error| Problem::internal(error.to_string()))?;
    let page = poster(&shop.partner.name, &url, code, "");
    show(&request, StatusCode::OK, &page)
}

/// The same page as a file by itself, for printing where there is no gateway.
pub fn render(shop: &str, url: &str) -> Result<String, PosterError> {
    Ok(poster(shop, url, code_of(url)?, include_str!("form.css")).render()?)
}

fn poster<'a>(shop: &'a str, url: &'a str, code: QrDrawing, style: &'static str) -> Poster<'a> {
    // A poster shows both languages.
    Poster { w: ShopWords::CHINESE, english: ShopWords::ENGLISH, shop, url, code, style }
}

fn code_of(url: &str) -> Result<QrDrawing, PosterError> {
    QrDrawing::of(url).ok_or_else(|| PosterError::TooLong(url.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_poster_stands_alone_and_shows_its_address() {
        let page = render("Tea & Co", "https://bank.example/m/tea").unwrap();
        assert!(page.contains("Tea &#38; Co") && page.contains("https://bank.example/m/tea"));
        assert!(page.contains("<svg") && page.contains("@page") && page.len() < 60_000);
        assert!(!page.contains("<script") && !page.contains("<link"));
        assert!(render("Tea", &"x".repeat(5_000)).is_err());
    }
}
