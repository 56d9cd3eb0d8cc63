//! What the play stands on: a clean folder, partners with fresh keys, a real CRM, a customer token
//! issuer, and the gateway in front of it all.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use chrono_tz::Tz;
use serde_json::json;

use super::Args;
use super::tryton::{TrytonPlace, TrytonServer};
use crate::app::App;
use crate::cli::Failure;
use crate::cli::partners::keygen::{Alg, KeyPair};
use crate::database_url::{DatabaseUrl, Kind};
use crate::http::access::local_app::CUSTOMER;
use crate::partner::programme::Programme;
use crate::settings::{ConsoleSettings, Settings, TokenSettings, WalletSettings};
use crate::store;

/// Everything that runs while the demo does.
pub struct Stage {
    pub app: App,
    pub url: String,
    pub crm: TrytonServer,
    pub keys: Vec<(&'static str, KeyPair)>,
    pub customer_token: String,
    /// The demo's own folder.
    pub folder: PathBuf,
    pub zone: Tz,
    staff_key: KeyPair,
}

impl Stage {
    /// A token of the bank's staff.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub fn staff_token(&self, name: &str, roles: &[&str]) -> Result<String, Failure> {
        let claims = json!({
            "iss": STAFF_ISSUER, "aud": AUDIENCE, "sub": name, "roles": roles,
        });
        self.staff_key.sign(&claims)
    }
}

pub const SUPERMARKET: &str = "green-basket";
pub const TRAVEL_AGENCY: &str = "sunny-travel";
pub const RENOVATION_FIRM: &str = "oak-home";

const CUSTOMER_ISSUER: &str = "https://login.demo.invalid";
const STAFF_ISSUER: &str = "https://staff.demo.invalid";
const AUDIENCE: &str = "tallystick";
const SCHEMA: &str = "tallystick_demo";

/// Sets the stage anew; whatever a demo before left is thrown away.
pub async fn set(args: &Args, settings: Settings) -> Result<Stage, Failure> {
    let folder = &args.folder;
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    let keys = copy_partners(&settings.partners, &folder.join("partners"))?;
    println!("starting the bank's CRM (Tryton 8.2; its first set-up takes half a minute) …");
    let place = TrytonPlace {
        venv: fs::canonicalize(&args.crm_venv)
            .map_err(|_missing| format!("no {}: run `make tools`", args.crm_venv.display()))?,
        template: absolute(&args.crm_template)?,
        folder: absolute(&folder.join("crm"))?,
    };
    let crm = tokio::task::spawn_blocking(move || TrytonServer::start(place)).await??;
    let customer_key = KeyPair::generate("login-1", Alg::EdDsa)?;
    let jwks = folder.join("customer-jwks.json");
    fs::write(&jwks, json!({ "keys": [customer_key.public_jwk()] }).to_string())?;
    let staff_key = KeyPair::generate("staff-1", Alg::EdDsa)?;
    let staff_jwks = folder.join("staff-jwks.json");
    fs::write(&staff_jwks, json!({ "keys": [staff_key.public_jwk()] }).to_string())?;
    let zone = settings.time_zone;
    let database_url = database(&settings.database_url, folder)?;
    println!("starting the gateway on {database_url} …");
    let app = App::start(Settings {
        database_url,
        listen: SocketAddr::new(settings.listen.ip(), args.port),
        partners: folder.join("partners"),
        keys: folder.join("tallystick.keys"),
        crm: Some(crm.settings()),
        customer_tokens: Some(TokenSettings {
            issuer: CUSTOMER_ISSUER.to_owned(),
            audience: AUDIENCE.to_owned(),
            jwks,
            ..TokenSettings::default()
        }),
        staff_tokens: Some(TokenSettings {
            issuer: STAFF_ISSUER.to_owned(),
            audience: AUDIENCE.to_owned(),
            jwks: staff_jwks,
            ..TokenSettings::default()
        }),
        console: settings.listen.ip().is_loopback().then(ConsoleSettings::local),
        wallet: Some(WalletSettings::default()),
        ..settings
    })
    .await?;
    let customer_token = customer_key.sign(&json!({
        "iss": CUSTOMER_ISSUER, "aud": AUDIENCE, "sub": CUSTOMER,
    }))?;
    let url = app.issuer().to_owned();
    let folder = folder.clone();
    Ok(Stage { app, url, crm, keys, customer_token, folder, zone, staff_key })
}

/// Copies the manifests and gives those who play a fresh key each.
fn copy_partners(from: &Path, to: &Path) -> Result<Vec<(&'static str, KeyPair)>, Failure> {
    for manifest in crate::partner::registry::manifests(from)? {
        let id = manifest.parent().and_then(Path::file_name).unwrap_or_default();
        fs::create_dir_all(to.join(id))?;
        fs::copy(&manifest, to.join(id).join("partner.toml"))?;
    }
    // A day's play is too short for the reservation of points at the partner that reported them.
    let same_day = Programme::DEFAULT.replace("own_after_days = 3", "own_after_days = 0");
    // And the month that is closed is long over when its sales are posted.
    let late = "late_days_max = 7\nlate_days_ceiling = 60";
    let same_day = same_day.replace(late, "late_days_max = 120\nlate_days_ceiling = 120");
    fs::write(to.join(Programme::FILE), same_day)?;
    let mut keys = Vec::new();
    for id in [SUPERMARKET, TRAVEL_AGENCY, RENOVATION_FIRM] {
        let key = KeyPair::generate("demo-1", Alg::EdDsa)?;
        let path = to.join(id).join("partner.toml");
        let manifest = fs::read_to_string(&path)
            .map_err(|error| format!("the demo needs the partner {id}: {error}"))?;
        fs::write(&path, manifest + &key.manifest_block())?;
        keys.push((id, key));
    }
    Ok(keys)
}

/// A database of the demo's own: a file in its folder, or a schema that is emptied first.
fn database(configured: &DatabaseUrl, folder: &Path) -> Result<DatabaseUrl, Failure> {
    match configured.kind() {
        Kind::Sqlite => {
            let path = folder.join("tallystick.db");
            Ok(DatabaseUrl::parse(&format!("sqlite://{}", path.display()))?)
        }
        Kind::Postgres => Ok(store::fresh_schema(configured, SCHEMA)?),
    }
}

fn absolute(path: &Path) -> std::io::Result<PathBuf> {
    std::path::absolute(path)
}
