/// Which setting is wrong, where it came from, and what was expected.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SettingsError(pub(super) String);
