//! The service's secrets: the keys that seal personal data, that index it, that sign tokens and
//! receipts. They are read from a file, an environment variable or a command, kept up to date, and
//! rotated without a pause. Whose data they protect is `customer`'s concern.

pub mod key_rotation;
pub mod key_set;
pub mod key_source;
pub mod key_watch;
pub mod keys;
pub mod reseal;
pub mod token_keys;
