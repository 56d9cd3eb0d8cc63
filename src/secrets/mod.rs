//! The service's secrets: keys that seal and index personal data, and keys that sign tokens and
//! receipts. They are read from a file, an environment variable or a command, kept up to date, and
//! rotated without a pause. The room `customer` decides which data they protect.

mod document;
mod key_file;
pub mod key_rotation;
pub mod key_set;
pub mod key_source;
pub mod key_watch;
pub mod keys;
pub mod reseal;
pub mod sealed;
pub mod token_keys;
