//! The arguments with which every command on the books says up to when entries count.

use crate::ledger::Cutoff;
use crate::ledger::cutoff::{By, InvalidCutoff};
use crate::settings::Settings;

#[derive(Debug, clap::Args)]
pub struct CutoffArgs {
    /// A past moment (2026-11-01T00:00:00+08:00), or a day (2026-11-01), which counts to its end in
    /// the programme's time zone. [default: everything]
    #[arg(long, value_name = "MOMENT")]
    pub as_of: Option<String>,
    /// By when entries happened (effective), or by when they were recorded. [default: effective]
    #[arg(long, value_name = "TIME", requires = "as_of")]
    pub by: Option<By>,
}

impl CutoffArgs {
    pub fn read(&self, settings: &Settings) -> Result<Option<Cutoff>, InvalidCutoff> {
        let by = self.by.unwrap_or_default();
        let read = |text| Cutoff::parse(text, by, settings.time_zone);
        self.as_of.as_deref().map(read).transpose()
    }
}
