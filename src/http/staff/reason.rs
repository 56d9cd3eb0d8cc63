//! The reason that staff give with a decision.

use crate::event::FieldReader;

const REASON_CHARACTERS_MAX: usize = 500;

/// The member `reason` of a body: 1 to 500 characters that say something, without
/// personal data.
pub fn read_reason(body: &mut FieldReader<'_>) -> Option<String> {
    body.text("reason", REASON_CHARACTERS_MAX).map(str::to_owned)
}
