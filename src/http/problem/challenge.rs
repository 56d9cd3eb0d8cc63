//! `WWW-Authenticate`: how a token is to come, and what is wrong with the one that did (RFC 6750,
//! section 3; RFC 9449, section 7.1; RFC 9728, section 5.1).

use crate::partner::dpop::ALGORITHMS;

#[derive(Clone, Debug, Default)]
pub struct Challenge {
    error: Option<&'static str>,
    scope: Option<String>,
    /// Whether the token came with a proof.
    by_proof: bool,
    /// The URL of the metadata of the protected resource. `None`: the tokens are not ours.
    metadata: Option<String>,
}

impl Challenge {
    pub const fn of_error(error: &'static str) -> Self {
        Self { error: Some(error), scope: None, by_proof: false, metadata: None }
    }

    pub fn needing(self, scope: &str) -> Self {
        Self { scope: Some(scope.to_owned()), ..self }
    }

    pub fn by_proof(self) -> Self {
        Self { by_proof: true, ..self }
    }

    pub fn with_metadata(self, url: String) -> Self {
        Self { metadata: Some(url), ..self }
    }

    /// The field's lines: what is wrong under the scheme that was used, and what else would do.
    pub fn lines(&self) -> Vec<String> {
        let dpop = format!("DPoP realm=\"tallystick\", algs=\"{}\"", ALGORITHMS.join(" "));
        let bearer = "Bearer realm=\"tallystick\"".to_owned();
        let partners = self.metadata.is_some();
        let (mut used, other) = match (self.by_proof, partners) {
            (true, _) => (dpop, None),
            (false, true) => (bearer, Some(dpop)),
            (false, false) => (bearer, None),
        };
        let members = [
            ("error", self.error),
            ("scope", self.scope.as_deref()),
            ("resource_metadata", self.metadata.as_deref()),
        ];
        for (name, value) in members {
            if let Some(value) = value {
                used.push_str(&format!(", {name}=\"{value}\""));
            }
        }
        // A scope that is missing is missing whatever the scheme.
        std::iter::once(used).chain(other.filter(|_scheme| self.scope.is_none())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_names_the_error_under_the_scheme_that_was_used() {
        let lines = |challenge: Challenge| challenge.lines();
        let here = || "https://bank.test/m".to_owned();
        assert_eq!(lines(Challenge::default()), ["Bearer realm=\"tallystick\""]);
        assert_eq!(
            lines(Challenge::of_error("invalid_token").with_metadata(here())),
            [
                "Bearer realm=\"tallystick\", error=\"invalid_token\", \
                 resource_metadata=\"https://bank.test/m\"",
                "DPoP realm=\"tallystick\", algs=\"EdDSA Ed25519 ES256 PS256\"",
            ]
        );
        assert_eq!(
            lines(Challenge::of_error("use_dpop_nonce").by_proof().with_metadata(here())),
            ["DPoP realm=\"tallystick\", algs=\"EdDSA Ed25519 ES256 PS256\", \
              error=\"use_dpop_nonce\", resource_metadata=\"https://bank.test/m\""]
        );
        assert_eq!(
            lines(Challenge::of_error("insufficient_scope").needing("events:read")),
            ["Bearer realm=\"tallystick\", error=\"insufficient_scope\", scope=\"events:read\""]
        );
    }
}
