use std::num::NonZeroU32;

use serde::Deserialize;

use super::proof::constraint::SenderConstraint;
use super::proof::key::PartnerKey;
use super::scope::Scope;

/// How a partner authenticates and what it may do.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Access {
    pub scopes: Vec<Scope>,
    /// Whether assertions may name the token endpoint's URL as their audience (RFC 7523). By
    /// default only our issuer is taken, as rfc7523bis says.
    #[serde(default)]
    pub token_url_as_audience: bool,
    /// Whether the partner must sign its requests (RFC 9421), so that it cannot deny them.
    #[serde(default)]
    pub signed_requests: bool,
    /// What the partner's tokens must be bound to, so that a stolen token is useless.
    pub sender_constrained: Option<SenderConstraint>,
    /// Requests a second that the partner may send on average.
    pub requests_per_second: u32,
    /// The most events that are recorded for the partner in one business day, by all gateways
    /// together. A partner in pilot must have a cap. The count is locked until each transaction
    /// ends, so a partner with many events is better without a cap.
    pub events_per_day: Option<NonZeroU32>,
    #[serde(default)]
    pub keys: Vec<PartnerKey>,
}
