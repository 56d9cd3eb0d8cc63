//! The console's two cookies: the secret of the session, and that of a sign-in that has begun.

use actix_web::HttpRequest;
use actix_web::http::header::HeaderValue;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::http::Gateway;
use crate::http::pages::cookie::{Cookie, SameSite, read_cookie};
use crate::http::pages::sealed::{opened, sealed};
use crate::http::problem::Problem;

/// How long somebody may take to sign in.
const SIGN_IN_SECONDS: i64 = 600;
/// What the seal of a session's secret names.
const SESSION: &str = "session of the console";
/// Where somebody goes who named no page of ours.
const START: &str = "/console/today";

/// Browsers take a cookie named `__Host-…` from us alone, over TLS alone.
fn name(gateway: &Gateway, rest: &str) -> String {
    let prefix = if is_secure(gateway) { "__Host-" } else { "" };
    format!("{prefix}{rest}")
}

fn is_secure(gateway: &Gateway) -> bool {
    gateway.issuer.starts_with("https://")
}

/// The secret of the session that a request carries, if we gave the secret.
pub fn session<'r>(request: &'r HttpRequest, gateway: &Gateway) -> Option<&'r str> {
    opened(&gateway.keys.fingerprint, read_cookie(request, &name(gateway, "console"))?, SESSION)
}

/// `Set-Cookie` for a session.
pub fn set_session(gateway: &Gateway, secret: &str, seconds: i64) -> Result<HeaderValue, Problem> {
    let value = sealed(&gateway.keys.fingerprint, secret, SESSION);
    set(gateway, "console", &value, seconds)
}

/// Takes the cookie of the session away.
pub fn end_session(gateway: &Gateway) -> Result<HeaderValue, Problem> {
    set(gateway, "console", "", 0)
}

/// A sign-in that has begun: its secret, and the page that the person wanted.
pub struct Begun {
    pub secret: String,
    pub to: String,
}

impl Begun {
    pub fn of(request: &HttpRequest, gateway: &Gateway) -> Option<Self> {
        let value = read_cookie(request, &name(gateway, "console-start"))?;
        let (secret, to) = value.split_once('.')?;
        let to = String::from_utf8(URL_SAFE_NO_PAD.decode(to).ok()?).ok()?;
        Some(Self { secret: secret.to_owned(), to: page_of_ours(&to) })
    }

    pub fn cookie(&self, gateway: &Gateway) -> Result<HeaderValue, Problem> {
        let value = format!("{}.{}", self.secret, URL_SAFE_NO_PAD.encode(&self.to));
        set(gateway, "console-start", &value, SIGN_IN_SECONDS)
    }

    /// Takes the cookie away: each answer of the identity provider is used once.
    pub fn gone(gateway: &Gateway) -> Result<HeaderValue, Problem> {
        set(gateway, "console-start", "", 0)
    }
}

fn set(gateway: &Gateway, rest: &str, value: &str, seconds: i64) -> Result<HeaderValue, Problem> {
    let (name, secure) = (name(gateway, rest), is_secure(gateway));
    let cookie =
        Cookie { name: &name, value, path: "/", seconds, secure, same_site: SameSite::Lax };
    cookie.header().map_err(Problem::internal)
}

/// A path of the console; the start for anything else, so that a link leads nowhere else.
pub fn page_of_ours(path: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~?=&%".contains(&byte);
    let is_ours = (path == "/console" || path.starts_with("/console/"))
        && path.len() <= 500
        && path.bytes().all(is_plain)
        && !path.contains("..")
        && !path.starts_with("/console/sign-in");
    if is_ours { path.to_owned() } else { START.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_elsewhere() {
        for path in ["/console/breaks?state=open&code=CUTOFF", "/console"] {
            assert_eq!(page_of_ours(path), path);
        }
        for path in [
            "",
            "//evil.example",
            "https://evil.example",
            "/console/../v1/breaks",
            "/console/x\r\nset-cookie: a",
            "/console\\evil",
            "/consolex",
            "/console/sign-in?to=/console/sign-in",
        ] {
            assert_eq!(page_of_ours(path), START, "{path}");
        }
    }
}
