//! The reason that staff give with a decision.

use crate::event::Reader;

const REASON_CHARACTERS_MAX: usize = 500;

/// The member `reason` of a body: 1 to 500 characters, without personal data.
pub fn read_reason(body: &mut Reader<'_>) -> Option<String> {
    body.text("reason", REASON_CHARACTERS_MAX).map(str::to_owned)
}
