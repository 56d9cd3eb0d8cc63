//! Signs by which the software of a partner on trial is known to be in order or at fault. Problems
//! that it meets are signs too, by their slugs.

/// The `User-Agent` of the conformance kit, of whose requests nothing is noted.
pub const KIT_AGENT: &str = "tallystick-conform";
/// Requests below `/v1`.
pub const REQUEST: &str = "requests";
/// Access tokens that were issued.
pub const TOKEN: &str = "tokens";
/// A client assertion that was used before.
pub const ASSERTION_REUSED: &str = "assertion-reused";
/// An amount that was a JSON number.
pub const AMOUNT_AS_NUMBER: &str = "amount-as-number";
/// A field that is not known.
pub const FIELD_UNKNOWN: &str = "field-unknown";
/// A payment or refund of an order that names its stage.
pub const STAGE_NAMED: &str = "stage-named";
/// One that names none.
pub const STAGE_MISSING: &str = "stage-missing";
/// The same order and stage again, under a new event id.
pub const ORDER_RESENT: &str = "order-resent";
/// A request again before the time that `Retry-After` told.
pub const RETRY_TOO_EARLY: &str = "retry-too-early";
/// An event that could not be taken at the time (429, 5xx): its hash is the subject. Where it is
/// recorded later, all is well.
pub const DEFERRED: &str = "deferred";
/// An event whose time lies in the future.
pub const TIME_IN_FUTURE: &str = "time-in-future";
