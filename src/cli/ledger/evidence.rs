//! `tallystick ledger evidence`: what a partner signed when it sent an event, for whoever is to
//! check it without us.

use std::fs;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::cli::Failure;
use crate::clock;
use crate::customer::Reading;
use crate::ids::{EventId, EventKey, PartnerId};
use crate::partner::signature::Content;
use crate::secrets::key_source::KeySource;
use crate::secrets::keys::Keys;
use crate::settings::Settings;
use crate::store::{Db, signatures};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[arg(long)]
    partner: PartnerId,
    /// The partner's id of the event.
    #[arg(long)]
    event: EventId,
    /// What it is for: recorded as a reading of personal data.
    #[arg(long, default_value = "evidence of a signed event")]
    purpose: String,
    /// The file to write. [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// # Errors
/// When the event was not signed, or what was signed is erased or cannot be opened.
pub fn run(args: &Args, settings: &Settings, db: &mut Db) -> Result<bool, Failure> {
    let key = EventKey::of(&args.partner, &args.event);
    let Some(kept) = signatures::of_event(db, key)? else {
        return Err(
            format!("no signed event {} of {} is recorded", args.event, args.partner).into()
        );
    };
    let purpose = args.purpose.as_str();
    let reading = Reading::by_program("ledger evidence", purpose);
    let content = db.write(|tx| signatures::read_content(tx, kept.id, &reading, clock::now()))?;
    let sealed = content.ok_or("what was signed has been erased")?;
    let (keys, _made) = Keys::from_source(&KeySource::from(settings))?;
    let opened = keys.personal.open(kept.id.bytes(), &sealed)?;
    let (content, body) = Content::split(&opened).ok_or("what was signed cannot be read")?;
    let evidence = json!({
        "partner": args.partner,
        "event": args.event,
        "created_at": kept.created_at,
        "recorded_at": kept.recorded_at,
        "key": {
            "kid": kept.kid,
            "alg": kept.algorithm,
            "thumbprint": kept.thumbprint,
            "jwk": serde_json::from_str::<Value>(&kept.jwk)?,
        },
        "request": {
            "method": content.method,
            "target_uri": content.target_uri,
            "headers": content.headers,
            "body_base64": body.map(|body| STANDARD.encode(body)),
        },
        "signature_base": content.signature_base,
    });
    let text = format!("{evidence:#}\n");
    match &args.out {
        Some(path) => {
            fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))?
        }
        None => print!("{text}"),
    }
    Ok(true)
}
