//! Signs that the software of a partner on trial is in order or at fault. The slugs of its problems
//! are signs too.

/// The `User-Agent` of the conformance kit. Its requests are counted, and what they show is not.
pub const KIT_AGENT: &str = "tallystick-conform";
/// Requests that said they were the kit's.
pub const KIT_REQUEST: &str = "kit-requests";
/// Requests below `/v1`.
pub const REQUEST: &str = "requests";
/// Access tokens that were issued.
pub const TOKEN: &str = "tokens";
/// A client assertion that was used before.
pub const ASSERTION_REUSED: &str = "assertion-reused";
/// An amount as a JSON number.
pub const AMOUNT_AS_NUMBER: &str = "amount-as-number";
/// An unknown field.
pub const FIELD_UNKNOWN: &str = "field-unknown";
/// A payment or refund that names the stage of its order.
pub const STAGE_NAMED: &str = "stage-named";
/// A payment that names no stage.
pub const STAGE_MISSING: &str = "stage-missing";
/// The same order and stage again, under a new event id.
pub const ORDER_RESENT: &str = "order-resent";
/// A request that came again before the time in `Retry-After`.
pub const RETRY_TOO_EARLY: &str = "retry-too-early";
/// An event that could not be taken at the time (429, 5xx). Its hash is the subject. All is well if
/// the event is recorded later.
pub const DEFERRED: &str = "deferred";
/// An event whose time lies in the future.
pub const TIME_IN_FUTURE: &str = "time-in-future";
