//! Statements that come in by a folder.

use std::path::PathBuf;

use serde::Deserialize;

/// The folder in which partners' statements are laid down.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DropFolderSettings {
    /// The folder has one folder for each partner, named by the partner's id.
    pub folder: PathBuf,
    /// How often the gateway looks, in seconds.
    #[serde(default = "ten")]
    pub look_seconds: u64,
    /// How long a file must have been left alone before it is taken, in seconds.
    #[serde(default = "thirty")]
    pub rest_seconds: u32,
}

const fn ten() -> u64 {
    10
}

const fn thirty() -> u32 {
    30
}
