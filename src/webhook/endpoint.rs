//! An endpoint of a partner: its URL, and the types of events sent there.

use std::net::IpAddr;

use reqwest::Url;

use super::address::is_public;
use crate::settings::WebhookSettings;
use crate::store::outbox::Kind;

/// A URL that we may call, as far as can be seen without resolving its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointUrl(Url);

/// Why a URL is refused.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum UrlError {
    #[error("expected an absolute URL of at most 500 characters")]
    NotAUrl,
    #[error("expected https")]
    NotSecure,
    #[error("expected no user name, password or fragment")]
    Extras,
    #[error("expected a host on the public Internet")]
    Private,
}

const CHARACTERS_MAX: usize = 500;

/// The types of events that an endpoint can receive.
pub const EVENTS: [Kind; 12] = [
    Kind::ReferralQualified,
    Kind::ReferralConverted,
    Kind::ReferralRewarded,
    Kind::PaymentFlagged,
    Kind::EventHeld,
    Kind::EventReleased,
    Kind::EventRejected,
    Kind::SettlementReady,
    Kind::BreakAsked,
    Kind::BreakClosed,
    Kind::RedemptionConfirmed,
    Kind::RedemptionDeclined,
];

impl EndpointUrl {
    /// # Errors
    /// [`UrlError`], a sentence for the partner.
    pub fn parse(text: &str, settings: WebhookSettings) -> Result<Self, UrlError> {
        if text.chars().count() > CHARACTERS_MAX {
            return Err(UrlError::NotAUrl);
        }
        let url = Url::parse(text).map_err(|_bad| UrlError::NotAUrl)?;
        match url.scheme() {
            "https" => {}
            "http" if settings.allow_http => {}
            _ => return Err(UrlError::NotSecure),
        }
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(UrlError::Extras);
        }
        let host = url.host_str().ok_or(UrlError::NotAUrl)?;
        // The parser has turned every way to write an IPv4 address (127.1, 0x7f.0.0.1, 2130706433)
        // into the usual one.
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        let private = literal.is_ok_and(|address| !is_public(address));
        if private && !settings.allow_private_addresses {
            return Err(UrlError::Private);
        }
        Ok(Self(url))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    pub(super) fn url(&self) -> Url {
        self.0.clone()
    }
}

/// The type of event of that name, if there is one.
#[must_use]
pub fn event_by_name(name: &str) -> Option<Kind> {
    EVENTS.into_iter().find(|kind| kind.name() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: WebhookSettings =
        WebhookSettings { allow_http: false, allow_private_addresses: false };

    fn refused(text: &str) -> Option<UrlError> {
        EndpointUrl::parse(text, STRICT).err()
    }

    #[test]
    fn only_https_urls_of_public_hosts_are_taken() {
        assert_eq!(refused("https://partner.example/hooks?shop=1"), None);
        assert_eq!(refused("https://8.8.8.8:8443/hooks"), None);
        assert_eq!(refused("http://partner.example/"), Some(UrlError::NotSecure));
        assert_eq!(refused("ftp://partner.example/"), Some(UrlError::NotSecure));
        assert_eq!(refused("/hooks"), Some(UrlError::NotAUrl));
        assert_eq!(refused("https://"), Some(UrlError::NotAUrl));
        assert_eq!(refused("https://a:b@partner.example/"), Some(UrlError::Extras));
        assert_eq!(refused("https://partner.example/#x"), Some(UrlError::Extras));
        let long = format!("https://partner.example/{}", "a".repeat(500));
        assert_eq!(refused(&long), Some(UrlError::NotAUrl));
    }

    #[test]
    fn a_private_address_is_refused_however_it_is_written() {
        for host in [
            "127.0.0.1",
            "127.0.0.1.",
            "127.1",
            "0x7f.0.0.1",
            "2130706433",
            "0177.0.0.1",
            "10.0.0.1",
            "192.168.0.1",
            "169.254.169.254",
            "100.100.100.200",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[64:ff9b::7f00:1]",
            "[fe80::1]",
            "[fd00::1]",
            "０.0.0.0",
            "0",
        ] {
            assert_eq!(refused(&format!("https://{host}/x")), Some(UrlError::Private), "{host}");
        }
        let lenient = WebhookSettings { allow_http: true, allow_private_addresses: true };
        assert!(EndpointUrl::parse("http://127.0.0.1:9000/x", lenient).is_ok());
    }
}
