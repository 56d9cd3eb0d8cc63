//! Somebody who is signed in and opens a page or sends a form.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::LocalBoxFuture;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::doors::has;
use crate::clock::Moment;
use crate::http::Gateway;
use crate::http::access::code_flow::CodeFlow;
use crate::http::access::staff::Role;
use crate::http::pages::forms::is_token;
use crate::http::problem::{BAD_REQUEST, Problem};
use crate::ids::StaffId;
use crate::sessions::Session;

/// A person with a session.
#[derive(Clone)]
pub struct Visit {
    pub session: Session,
    /// Stands in each form of the session.
    pub token: String,
}

/// A form that the session's own page has sent.
pub struct Sent<T> {
    pub visit: Visit,
    pub form: T,
}

impl Visit {
    pub const fn id(&self) -> &StaffId {
        &self.session.who.staff
    }

    pub fn has(&self, role: Role) -> bool {
        has(&self.session.who.roles, role)
    }

    /// Whether the person has shown recently enough who they are to approve something.
    pub fn is_fresh(&self, gateway: &Gateway, now: Moment) -> bool {
        let flow = gateway.console.as_ref();
        flow.is_some_and(|flow| flow.is_fresh(self.session.who.authenticated_at, now))
    }
}

/// The sign-in of the console, where there is a console.
pub fn flow(gateway: &Gateway) -> Result<&CodeFlow, Problem> {
    gateway.console.as_ref().ok_or_else(Problem::not_found)
}

pub fn gateway(request: &HttpRequest) -> Result<web::Data<Gateway>, Problem> {
    let found = request.app_data::<web::Data<Gateway>>().cloned();
    found.ok_or_else(|| Problem::internal("no gateway"))
}

/// The token of a session's forms. The secret does not follow from it.
pub fn token_of(secret: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, format!("form {secret}").as_bytes()))
}

fn visit(request: &HttpRequest) -> Result<Visit, Problem> {
    let admitted = request.extensions().get::<Visit>().cloned();
    admitted.ok_or_else(|| Problem::internal("a page of the console has no door"))
}

impl FromRequest for Visit {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _body: &mut Payload) -> Self::Future {
        ready(visit(request))
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Sent<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, body: &mut Payload) -> Self::Future {
        let (request, body) = (request.clone(), web::Bytes::from_request(request, body));
        Box::pin(async move {
            let visit = visit(&request)?;
            let body = body.await.map_err(|_bad| bad_form())?;
            let text = std::str::from_utf8(&body).map_err(|_bad| bad_form())?;
            let TokenField { token } = read(text)?;
            check_token(&visit, &token)?;
            Ok(Self { visit, form: read(text)? })
        })
    }
}

/// Refuses a form of another session.
///
/// # Errors
/// `bad-request`.
pub fn check_token(visit: &Visit, token: &str) -> Result<(), Problem> {
    if is_token(&visit.token, token) {
        return Ok(());
    }
    Err(Problem::new(&BAD_REQUEST, "The form is of another session: open its page again."))
}

#[derive(Deserialize)]
struct TokenField {
    #[serde(default)]
    token: String,
}

/// Reads a form; a query is written like one.
fn read<T: DeserializeOwned>(text: &str) -> Result<T, Problem> {
    web::Query::<T>::from_query(text).map(web::Query::into_inner).map_err(|_bad| bad_form())
}

fn bad_form() -> Problem {
    Problem::new(&BAD_REQUEST, "The form is not as its page has it.")
}
