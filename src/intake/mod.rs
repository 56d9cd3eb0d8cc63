//! Many events that come at once: the lines of a partner's daily file, from a folder or uploaded,
//! and of a stream. All of them go through the writer as single events do, in bounded groups.

mod charset;
pub mod columns;
pub mod job;
mod lines;
mod record;
mod rejects;
mod scan;
mod stored_file;
mod unpack;
pub mod upload;

pub use charset::{Charset, Guess};
pub use lines::{IntakeError, Line, Lines};
pub use record::{is_ours, record};
pub use rejects::Rejects;
pub use unpack::unpack;
