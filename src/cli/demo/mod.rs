pub mod tryton;
use super::Failure;
use crate::settings::Settings;
#[derive(Debug, clap::Args)]
pub struct Args {}
pub async fn run(_args: Args, _settings: Settings) -> Result<bool, Failure> {
    Ok(true)
}
