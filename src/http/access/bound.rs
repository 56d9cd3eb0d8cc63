//! Whether a token is in the hands of its client (RFC 9449, section 7; RFC 8705, section 3): bound to
//! a key, it comes with a proof by that key; bound to a certificate, over a connection with that
//! certificate; bound to nothing, only from a partner whose manifest does not ask for more.

use actix_web::HttpRequest;
use actix_web::http::header;
use aws_lc_rs::constant_time::verify_slices_are_equal;

use crate::clock::Moment;
use crate::http::Gateway;
use crate::http::access::dpop;
use crate::http::access::token::Grant;
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
///
/// # Errors
/// Unauthorized, where there is none, or there are two.
pub fn credentials(request: &HttpRequest) -> Result<(Scheme, &str), Problem> {
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
    Ok((scheme, token.trim()))
}

/// Holds a token to what it is bound to. The proof, where there is one, is still to be used up.
///
/// # Errors
/// Unauthorized, with what to do.
pub fn check(
    request: &HttpRequest,
    gateway: &Gateway,
    (partner, grant): (&Partner, &Grant),
    (scheme, token): (Scheme, &str),
    now: Moment,
) -> Result<Option<Proof>, Problem> {
    let asked = partner.access.sender_constrained;
    if !grant.binding.suffices(asked) {
        let asked = asked.map_or("", |asked| asked.name());
        return Err(bad(format!(
            "This partner's tokens must be bound by {asked}: get such a one."
        )));
    }
    match (&grant.binding, scheme) {
        (Binding::None, Scheme::Bearer) => Ok(None),
        (Binding::Certificate(thumbprint), Scheme::Bearer) => {
            let certificate = ClientCertificate::of(request);
            match certificate.filter(|it| equal(&it.thumbprint, thumbprint)) {
                Some(_same) => Ok(None),
                None => Err(bad("The token is bound to another TLS client certificate.")),
            }
        }
        (Binding::Key(thumbprint), Scheme::Dpop) => {
            let proof = dpop::read(gateway, request, Some(token), now)
                .map_err(|refusal| Problem::bad_proof(&refusal))?
                .ok_or_else(|| Problem::bad_proof(&dpop::Refusal::missing()))?;
            if !equal(&proof.thumbprint, thumbprint) {
                return Err(bad("The token is bound to another key than the proof's.").by_proof());
            }
            Ok(Some(proof))
        }
        (Binding::Key(_), Scheme::Bearer) => {
            Err(bad("The token is bound to a key: send it as Authorization: DPoP, with a proof."))
        }
        (Binding::None | Binding::Certificate(_), Scheme::Dpop) => {
            Err(bad("The token is bound to no key: send it as Authorization: Bearer.").by_proof())
        }
    }
}

fn bad(why: impl Into<String>) -> Problem {
    Problem::bad_token(&why.into())
}

fn equal(one: &str, other: &str) -> bool {
    verify_slices_are_equal(one.as_bytes(), other.as_bytes()).is_ok()
}
