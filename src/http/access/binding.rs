//! Checks that one of our tokens is used by the partner that it was issued to (RFC 9449,
//! section 7; RFC 8705, section 3). A token that is bound to a key comes with a proof by that key.
//! A token that is bound to a certificate comes over a connection with that certificate. A token
//! that is bound to nothing is accepted only where the manifest asks for no binding.

use actix_web::HttpRequest;
use actix_web::http::header;
use aws_lc_rs::constant_time::verify_slices_are_equal;

use crate::clock::Moment;
use crate::http::Gateway;
use crate::http::access::dpop;
use crate::http::problem::Problem;
use crate::http::server::tls::ClientCertificate;
use crate::partner::Partner;
use crate::partner::constraint::Binding;
use crate::partner::dpop::Proof;

/// How a token was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    Bearer,
    Dpop,
}

/// The one token of a request, and how it was sent.
pub struct Credentials<'r> {
    pub scheme: Scheme,
    pub token: &'r str,
}

/// A partner, and what its token is bound to.
pub struct Bound<'a> {
    pub partner: &'a Partner,
    pub binding: &'a Binding,
}

impl<'r> Credentials<'r> {
    /// Reads the header `Authorization`.
    ///
    /// # Errors
    /// Unauthorized, where there is no token, or more than one.
    pub fn of(request: &'r HttpRequest) -> Result<Self, Problem> {
        let mut values = request.headers().get_all(header::AUTHORIZATION);
        let value = values.next().filter(|_only| values.next().is_none());
        let (scheme, token) = value
            .and_then(|value| value.to_str().ok())
            .and_then(|text| text.split_once(' '))
            .ok_or_else(Problem::no_token)?;
        let scheme = match scheme {
            bearer if bearer.eq_ignore_ascii_case("Bearer") => Scheme::Bearer,
            dpop if dpop.eq_ignore_ascii_case("DPoP") => Scheme::Dpop,
            _ => return Err(Problem::no_token()),
        };
        Ok(Self { scheme, token: token.trim() })
    }
}

impl Bound<'_> {
    /// Whether the manifest accepts a token with this binding, now.
    ///
    /// # Errors
    /// Unauthorized, with what the partner must do.
    pub fn suffices(&self) -> Result<(), Problem> {
        let asked = self.partner.access.sender_constrained;
        if self.binding.suffices(asked) {
            return Ok(());
        }
        let asked = asked.map_or("", |asked| asked.name());
        Err(bad(format!(
            "This partner's tokens must be bound by {asked}: get a token that is bound in this way."
        )))
    }

    /// Checks that a request proves what its token is bound to. If this returns a proof, the caller
    /// must still mark the proof as used, with `dpop::use_up`.
    ///
    /// # Errors
    /// Unauthorized, with what the partner must do.
    pub fn check(
        &self,
        request: &HttpRequest,
        gateway: &Gateway,
        credentials: &Credentials<'_>,
        now: Moment,
    ) -> Result<Option<Proof>, Problem> {
        self.suffices()?;
        match (self.binding, credentials.scheme) {
            (Binding::None, Scheme::Bearer) => Ok(None),
            (Binding::Certificate(thumbprint), Scheme::Bearer) => {
                let shown = ClientCertificate::of(request);
                match shown.filter(|shown| equal(&shown.thumbprint, thumbprint)) {
                    Some(_same) => Ok(None),
                    None => Err(bad(
                        "The token is bound to a TLS client certificate, which this request does not show.",
                    )),
                }
            }
            (Binding::Key(thumbprint), Scheme::Dpop) => {
                let proof = dpop::read(gateway, request, Some(credentials.token), now)?
                    .ok_or_else(dpop::Refusal::missing)?;
                if !equal(&proof.thumbprint, thumbprint) {
                    let other = "The token is bound to a different key from the proof's.";
                    return Err(bad(other).by_proof());
                }
                Ok(Some(proof))
            }
            (Binding::Key(_), Scheme::Bearer) => Err(bad(
                "The token is bound to a key: send it as Authorization: DPoP, with a proof.",
            )),
            (Binding::None | Binding::Certificate(_), Scheme::Dpop) => {
                Err(bad("The token is bound to no key: send it as Authorization: Bearer.")
                    .by_proof())
            }
        }
    }
}

fn bad(why: impl Into<String>) -> Problem {
    Problem::bad_token(&why.into())
}

fn equal(one: &str, other: &str) -> bool {
    verify_slices_are_equal(one.as_bytes(), other.as_bytes()).is_ok()
}
