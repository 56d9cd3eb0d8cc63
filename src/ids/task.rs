use super::{EventKey, TaskId};

impl TaskId {
    /// The id by the name of the cause, so that a cause makes one task (RFC 9562, version 8).
    #[must_use]
    pub fn of_name(parts: &[&str]) -> Self {
        let hash = EventKey::of_name(&[&["task"], parts].concat());
        Self(uuid::Builder::from_custom_bytes(*hash.bytes()).into_uuid())
    }
}
