//! What a partner was let in by, and whether it still stands. It is asked at the beginning of each
//! request, and again with each group of a stream and each part of a file, because these go on for
//! longer than a request does.

use std::sync::Arc;

use crate::clock::Moment;
use crate::http::Gateway;
use crate::http::access::access_token::{Grant, TokenError};
use crate::http::access::binding::Bound;
use crate::http::problem::{PARTNER_NOT_LISTED, Problem};
use crate::partner::Partner;
use crate::partner::key::in_force;
use crate::partner::scope::Scope;

/// What a partner was let in by.
#[derive(Clone)]
pub struct Standing {
    grant: Arc<Grant>,
    scope: Scope,
    /// Whether the partner was on trial when it was let in.
    was_on_trial: bool,
}

impl Standing {
    /// What `partner` is let in by now.
    pub fn new(grant: Arc<Grant>, scope: Scope, partner: &Partner) -> Self {
        Self { grant, scope, was_on_trial: partner.status.is_trial() }
    }

    /// The partner as it is now, where it may still go on. The token's own expiry is not looked at:
    /// a stream ends by its age.
    ///
    /// # Errors
    /// Unauthorized, where the token was revoked, or its key or the partner's key given up. Forbidden,
    /// where the partner is suspended, has lost the scope, or has left the sandbox meanwhile.
    pub fn check(&self, gateway: &Gateway, now: Moment) -> Result<Arc<Partner>, Problem> {
        gateway.tokens.still_stands(&self.grant, now)?;
        let partner = partner_of(&self.grant, gateway, now)?;
        Bound { partner: &partner, binding: &self.grant.binding }.suffices()?;
        may(&partner, &self.grant, self.scope, gateway, now)?;
        if self.was_on_trial != partner.status.is_trial() {
            let detail = "The partner's status has changed meanwhile: what was begun in the sandbox \
                          does not go on in the real books. Begin again.";
            return Err(Problem::new(&PARTNER_NOT_LISTED, detail));
        }
        Ok(partner)
    }
}

/// The partner of a token. It is on the bank's list, and the key by which it got the token is still
/// its own.
pub fn partner_of(grant: &Grant, gateway: &Gateway, now: Moment) -> Result<Arc<Partner>, Problem> {
    let partner = gateway.registry.get(&grant.partner).ok_or(TokenError::Foreign)?;
    if let Some(kid) = &grant.client_kid {
        let mut keys = in_force(&partner.access.keys, gateway.day(now));
        if !keys.any(|key| key.kid == *kid) {
            return Err(TokenError::KeyGone.into());
        }
    }
    Ok(partner)
}

/// Whether a partner may use that scope now, whatever its token says.
pub fn may(
    partner: &Partner,
    grant: &Grant,
    scope: Scope,
    gateway: &Gateway,
    now: Moment,
) -> Result<(), Problem> {
    partner
        .listed_on(gateway.day(now))
        .map_err(|unlisted| Problem::partner_not_listed(&unlisted))?;
    if grant.scopes.contains(&scope) && partner.access.scopes.contains(&scope) {
        return Ok(());
    }
    Err(Problem::insufficient_scope(scope.name()))
}
