//! Somebody who is signed in at the shop and opens a page or sends a form.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::page::{Frame, show, words};
use super::session::Session;
use super::shop::Shop;
use super::sign_in;
use super::words::ShopWords;
use crate::http::Gateway;
use crate::http::pages::forms::{check_origin, see_other};
use crate::http::problem::Problem;

pub struct Visit {
    pub shop: Shop,
    session: Session,
    pub words: &'static ShopWords,
}

/// Who comes to a page.
pub enum Visitor {
    SignedIn(Visit),
    /// Nobody who is signed in: this page asks for the PIN.
    Stranger(HttpResponse),
}

impl Visit {
    /// Who opens a page of a shop.
    pub fn open(request: &HttpRequest, gateway: &Gateway, shop: Shop) -> Result<Visitor, Problem> {
        let words = words(request);
        match Session::of(request, gateway, &shop) {
            Some(session) => Ok(Visitor::SignedIn(Self { shop, session, words })),
            None => sign_in::ask(request, &shop, StatusCode::OK, "").map(Visitor::Stranger),
        }
    }

    /// Who sends a form, if it is a page of ours that sends it. A session that has ended asks for
    /// the PIN again.
    pub fn send(request: &HttpRequest, gateway: &Gateway, shop: Shop) -> Result<Visitor, Problem> {
        check_origin(request, &gateway.issuer)?;
        let words = words(request);
        match Session::of(request, gateway, &shop) {
            Some(session) => Ok(Visitor::SignedIn(Self { shop, session, words })),
            None => {
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                sign_in::ask(request, &shop, status, words.expired).map(Visitor::Stranger)
            }
        }
    }

    /// The same, for a form that carries this token. With another session's token the PIN is asked
    /// for again.
    pub fn send_with(
        request: &HttpRequest,
        gateway: &Gateway,
        shop: Shop,
        token: &str,
    ) -> Result<Visitor, Problem> {
        match Self::send(request, gateway, shop)? {
            Visitor::SignedIn(visit) if !visit.is_own(token) => {
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                let expired = visit.words.expired;
                sign_in::ask(request, &visit.shop, status, expired).map(Visitor::Stranger)
            }
            visitor => Ok(visitor),
        }
    }

    /// Whether a form carries the session's token.
    pub fn is_own(&self, token: &str) -> bool {
        self.session.sent(token)
    }

    pub fn frame(&self, request: &HttpRequest) -> Frame {
        Frame::new(request, &self.shop, Some(&self.session))
    }

    /// Answers with the form again, where something needs mending.
    pub fn show_again(
        request: &HttpRequest,
        page: &impl Template,
    ) -> Result<HttpResponse, Problem> {
        show(request, StatusCode::UNPROCESSABLE_ENTITY, page)
    }

    /// Sends the browser to another page of the shop.
    pub fn go_to(&self, rest: &str) -> HttpResponse {
        see_other(&self.shop.path(rest))
    }
}
