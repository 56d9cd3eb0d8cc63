//! Files and streams of events: the lines of a partner's daily file, from a folder or uploaded, and of
//! a stream. All of them go through the writer as single events do, in bounded groups.

mod archive;
mod charset;
pub mod columns;
mod error;
pub mod job;
mod lines;
mod numbered;
mod record;
mod records;
mod rejects;
mod scan;
mod stored_file;
mod take;
mod text;
mod unpack;
pub mod upload;
mod workbook;

pub use charset::{Charset, Guess};
pub use error::IntakeError;
pub use lines::{Line, Lines, Reading};
pub use record::{is_ours, record, submissions};
pub use records::{Record, Records};
pub use rejects::Rejects;
pub use scan::scan;
pub use text::{Text, text_of};
pub use unpack::unpack;
