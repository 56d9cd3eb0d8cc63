//! The page to print for a shop: a code that opens its form.

use std::fs;
use std::path::PathBuf;

use crate::cli::Failure;
use crate::http::merchant::poster::render;
use crate::ids::PartnerId;
use crate::partner::Registry;
use crate::settings::Settings;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The partner's id, which is its folder's name.
    id: PartnerId,
    /// Where the page goes [default: <ID>-poster.html, in the current folder]
    #[arg(long)]
    out: Option<PathBuf>,
}

/// Writes the page.
///
/// # Errors
/// When there is no such partner or it has no form, when nobody says what our URL is, or when the file
/// cannot be written.
pub fn run(args: &Args, settings: &Settings) -> Result<bool, Failure> {
    let registry = Registry::load(&settings.partners)?;
    let partner = registry.get(&args.id).ok_or_else(|| format!("no partner {}", args.id))?;
    if partner.form.is_none() {
        let why =
            format!("{} has no form: `tallystick partners pin {}` makes one", args.id, args.id);
        return Err(why.into());
    }
    let issuer = settings.issuer.as_deref();
    let issuer = issuer.ok_or("set `issuer`, our URL as the shop's telephone sees it")?;
    let url = format!("{}/m/{}", issuer.trim_end_matches('/'), partner.id);
    let out = args.out.clone();
    let out = out.unwrap_or_else(|| PathBuf::from(format!("{}-poster.html", partner.id)));
    fs::write(&out, render(&partner.name, &url)?)
        .map_err(|error| format!("cannot write {}: {error}", out.display()))?;
    println!("{}, to be printed on A4: it opens {url}", out.display());
    Ok(true)
}
