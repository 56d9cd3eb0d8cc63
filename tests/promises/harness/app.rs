use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::json;
use tallystick::app::App;
use tallystick::cli::partners::keygen::{Alg, KeyPair};
use tallystick::clock::Moment;
use tallystick::database_url::DatabaseUrl;
use tallystick::ids::ReferralId;
use tallystick::ledger::verify::verify;
use tallystick::partner::form::PinRecord;
use tallystick::referral::{Actor, Move, ReferralStep as Step};
use tallystick::settings::{SandboxSettings, Settings, TokenSettings};
use tallystick::store::{self, Db};
use tallystick::writer::{ReferralMoved, WriteError};
use tempfile::TempDir;

use super::watch::Watched;
use super::{Cluster, Partner};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    Sqlite,
    Postgres,
}

/// A database, partners and settings for one test. The service on them may start more than once.
pub struct Trial {
    pub folder: TempDir,
    pub settings: Settings,
    customer_key: KeyPair,
    pub staff_key: KeyPair,
    keys: Vec<(String, KeyPair)>,
    /// PostgreSQL's databases, to be dropped.
    databases: Vec<String>,
    _watched: Watched,
}

/// A running service.
pub struct TestApp {
    pub trial: Trial,
    app: Option<App>,
    /// Whether leads may still wait when the test ends. The test says why.
    pub leads_may_wait: bool,
}

const CUSTOMER_ISSUER: &str = "https://login.test";
const STAFF_ISSUER: &str = "https://staff.test";

impl Trial {
    pub fn on(store: Store) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = test_partners(&folder.path().join("partners"));
        let customer_key = KeyPair::generate("login-1", Alg::EdDsa).unwrap();
        let staff_key = KeyPair::generate("staff-1", Alg::EdDsa).unwrap();
        let tokens = |issuer: &str, file: &str, key: &KeyPair| {
            let jwks = folder.path().join(file);
            std::fs::write(&jwks, json!({ "keys": [key.public_jwk()] }).to_string()).unwrap();
            let (issuer, audience) = (issuer.to_owned(), "tallystick".to_owned());
            Some(TokenSettings { issuer, audience, jwks, ..TokenSettings::default() })
        };
        let (database_url, database) = database(store, folder.path());
        let databases = database.into_iter().collect();
        let mut settings = Settings::load(None).unwrap();
        settings.database_url = DatabaseUrl::parse(&database_url).unwrap();
        settings.listen = "127.0.0.1:0".parse().unwrap();
        settings.issuer = Some("https://gateway.test".to_owned());
        settings.partners = folder.path().join("partners");
        settings.keys = folder.path().join("tallystick.keys");
        settings.due_seconds = 1;
        settings.keys_seconds = 1;
        // Tests ask as fast as they can; `rates` tries the limits.
        settings.customer_requests_per_second = 100_000;
        settings.staff_requests_per_second = 100_000;
        settings.log.level = "warn".to_owned();
        settings.customer_tokens = tokens(CUSTOMER_ISSUER, "jwks.json", &customer_key);
        settings.staff_tokens = tokens(STAFF_ISSUER, "staff-jwks.json", &staff_key);
        Self {
            folder,
            settings,
            customer_key,
            staff_key,
            keys,
            databases,
            _watched: Watched::this_test(),
        }
    }

    /// The same, where partners on trial have books of their own.
    pub fn with_sandbox_on(store: Store) -> Self {
        let mut trial = Self::on(store);
        let apart = trial.folder.path().join("sandbox");
        std::fs::create_dir(&apart).unwrap();
        let (database_url, database) = database(store, &apart);
        trial.databases.extend(database);
        let database_url = DatabaseUrl::parse(&database_url).unwrap();
        trial.settings.sandbox = Some(SandboxSettings { database_url });
        trial
    }

    /// The same by the bounds that the project ships.
    pub fn bounded_on(store: Store) -> Self {
        let trial = Self::on(store);
        let shipped = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("partners/programme.toml");
        std::fs::copy(shipped, trial.settings.partners.join("programme.toml")).unwrap();
        trial
    }

    /// The same limits, without patterns of payments: for promises about limits, whose payments are
    /// like no till's.
    pub fn limited_on(store: Store) -> Self {
        let trial = Self::bounded_on(store);
        let path = trial.settings.partners.join("programme.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let (limits, _patterns) = text.split_once("# What honest tills do not do").unwrap();
        std::fs::write(&path, format!("payment_pattern = []\n{limits}")).unwrap();
        trial
    }

    /// A trial whose programme lets one event have as much as an account nearly holds.
    pub fn vast_on(store: Store) -> Self {
        let trial = Self::on(store);
        let path = trial.settings.partners.join("programme.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let vast = text.replace("_max = \"10000000.00\"", "_max = \"92233720368547.75\"");
        assert_ne!(text, vast);
        std::fs::write(&path, vast).unwrap();
        trial
    }

    /// A database connection to the books of partners on trial.
    pub fn sandbox_db(&self) -> Db {
        store::open(self.settings.books_url(self.settings.sandbox.is_some()).unwrap()).unwrap()
    }

    /// Edits a partner's manifest before the service starts.
    pub fn edit(&self, partner: &str, from: &str, to: &str) {
        let path = self.settings.partners.join(partner).join("partner.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{partner} has no {from:?}");
        std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
    }

    /// Runs a test against a service on this trial, then stops it and proves the books.
    pub async fn run(self, test: impl AsyncFnOnce(&mut TestApp)) {
        let mut app = self.start().await;
        test(&mut app).await;
        Box::pin(app.stop_and_prove()).await;
    }

    pub async fn start(self) -> TestApp {
        let app = App::start(self.settings.clone()).await.unwrap();
        TestApp { trial: self, app: Some(app), leads_may_wait: false }
    }

    /// A database connection beside the service's.
    pub fn db(&self) -> Db {
        store::open(&self.settings.database_url).unwrap()
    }

    /// The name of the PostgreSQL database.
    pub fn database_name(&self) -> &str {
        self.databases.first().unwrap()
    }

    pub fn key(&self, partner: &str) -> &KeyPair {
        &self.keys.iter().find(|(id, _)| id == partner).unwrap().1
    }

    pub fn customer_token(&self, subject: &str) -> String {
        self.sign_customer(&json!({ "iss": CUSTOMER_ISSUER, "aud": "tallystick", "sub": subject }))
    }

    pub fn sign_customer(&self, claims: &serde_json::Value) -> String {
        self.customer_key.sign(claims).unwrap()
    }

    pub fn staff_token(&self, subject: &str, roles: &[&str]) -> String {
        let claims = json!({
            "iss": STAFF_ISSUER, "aud": "tallystick", "sub": subject, "roles": roles,
        });
        self.staff_key.sign(&claims).unwrap()
    }

    /// What `ledger verify` finds.
    pub fn findings(&self) -> Vec<store::proof::Finding> {
        verify(&mut self.db()).unwrap().findings
    }
}

/// Runs statements as the database's owner. The error is what the database said.
pub fn run_sql(trial: &Trial, sql: &str) -> Result<(), String> {
    use diesel::connection::SimpleConnection;
    let done = match trial.db() {
        Db::Postgres(mut db) => db.batch_execute(sql),
        Db::Sqlite(mut db) => db.batch_execute(sql),
    };
    done.map_err(|error| error.to_string())
}

/// The number that a query returns in its column `count`.
pub fn count(trial: &Trial, sql: &str) -> i64 {
    use diesel::{QueryableByName, RunQueryDsl};
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        count: i64,
    }
    let query = diesel::sql_query(sql);
    let found: Count = match trial.db() {
        Db::Postgres(mut db) => query.get_result(&mut db).unwrap(),
        Db::Sqlite(mut db) => query.get_result(&mut db).unwrap(),
    };
    found.count
}

impl Drop for Trial {
    fn drop(&mut self) {
        for database in &self.databases {
            Cluster::shared().drop_database(database);
        }
    }
}

impl TestApp {
    pub fn url(&self) -> String {
        format!("http://{}", self.app.as_ref().unwrap().address())
    }

    /// Where its metrics are, on their own address.
    pub fn metrics_url(&self) -> String {
        let address = self.app.as_ref().unwrap().metrics_address().unwrap();
        format!("http://{address}/metrics")
    }

    /// Tells the service that the partners' files have changed.
    pub fn partners_changed(&self) {
        self.app.as_ref().unwrap().partners_changed().notify_one();
    }

    /// Events that wait for the writer.
    pub fn writer_depth(&self) -> usize {
        self.app.as_ref().unwrap().writer_depth()
    }

    /// Moves a referral, as the CRM, time or a person does.
    pub async fn advance(
        &self,
        referral: &str,
        step: Step,
        finding: &str,
    ) -> Result<ReferralMoved, WriteError> {
        let id = ReferralId::try_from(referral).unwrap();
        let order = Move::new(id, step, Actor::Crm("test".to_owned())).because(finding);
        self.app.as_ref().unwrap().writer().move_referral(order).await
    }

    /// The same, as somebody else than the CRM says it.
    pub async fn advance_by(
        &self,
        referral: &str,
        step: Step,
        by: Actor,
    ) -> Result<ReferralMoved, WriteError> {
        let id = ReferralId::try_from(referral).unwrap();
        let order = Move::new(id, step, by);
        self.app.as_ref().unwrap().writer().move_referral(order).await
    }

    /// Does what has fallen due for referrals by that time.
    pub async fn let_fall_due(&self, now: Moment) -> usize {
        let app = self.app.as_ref().unwrap();
        let due = tallystick::due::of_referrals(app.pool(), app.writer(), None, now);
        due.await.unwrap().found
    }

    /// A partner with a token of all its scopes.
    pub async fn partner(&self, id: &str) -> Partner {
        Partner::log_in(&self.url(), self.app.as_ref().unwrap().issuer(), id, self.trial.key(id))
            .await
    }

    /// Stops the service and starts another on the same database.
    pub async fn restart(&mut self) {
        self.app.take().unwrap().stop().await;
        self.app = Some(App::start(self.trial.settings.clone()).await.unwrap());
    }

    /// Stops in order, and leaves the database to the test.
    pub async fn stop(mut self) -> Trial {
        self.app.take().unwrap().stop().await;
        self.trial
    }

    /// Stops in order. Then proves the books, and that no message waits without a reason.
    pub async fn stop_and_prove(mut self) {
        self.app.take().unwrap().stop().await;
        assert_eq!(self.trial.findings(), []);
        assert_eq!(verify(&mut self.trial.sandbox_db()).unwrap().findings, []);
        if !self.leads_may_wait {
            for mut db in [self.trial.db(), self.trial.sandbox_db()] {
                let depth = store::outbox::depth(&mut db).unwrap();
                assert_eq!((depth.waiting, depth.dead), (0, 0), "leads are left: {depth:?}");
            }
        }
    }
}

/// The programme that the project ships, with times that a test can wait for and wide bounds.
fn test_programme(shipped: &Path) -> String {
    // Holds time out while a test waits.
    let programme = std::fs::read_to_string(shipped.join("programme.toml")).unwrap();
    let mut brief = programme.replace("hold_seconds = 1800", "hold_seconds = 4");
    assert_ne!(programme, brief);
    // Most promises are not about these bounds: codes are for any number of points, and points may be
    // spent where they were earned. Those that are about them set them anew.
    for (bound, wide) in [
        ("own_after_days = 3", "own_after_days = 0"),
        ("points_max = \"1000.00\"", "points_max = \"10000000.00\""),
        ("confirm_above = \"500.00\"", "confirm_above = \"10000000.00\""),
        ("person_day_max = \"500.00\"", "person_day_max = \"10000000.00\""),
        ("release_day_max = \"100.00\"", "release_day_max = \"10000000.00\""),
        ("customer_day_max = \"200.00\"", "customer_day_max = \"10000000.00\""),
        ("customer_month_max = \"500.00\"", "customer_month_max = \"10000000.00\""),
        ("day_max = \"5000.00\"", "day_max = \"10000000.00\""),
        ("claim_days = 14 ", "claim_days = 3000\n#"),
        ("held_claim_days = 3 ", "held_claim_days = 3000\n#"),
        ("partner_open_max = 2000 ", "partner_open_max = 1000000\n#"),
        ("partner_held_max = 200 ", "partner_held_max = 1000000\n#"),
        ("manager_share = \"0.5\"", "manager_share = \"1\""),
    ] {
        assert!(brief.contains(bound));
        brief = brief.replace(bound, wide);
    }
    unbounded(&brief)
}

/// The partners that the project ships, each with a key of this run, and some that only tests need.
pub fn test_partners(to: &Path) -> Vec<(String, KeyPair)> {
    let mut keys = Vec::new();
    let mut add = |id: &str, manifest: String| {
        let key = KeyPair::generate(&format!("{id}-1"), Alg::EdDsa).unwrap();
        std::fs::create_dir_all(to.join(id)).unwrap();
        std::fs::write(to.join(id).join("partner.toml"), manifest + &key.manifest_block()).unwrap();
        keys.push((id.to_owned(), key));
    };
    let shipped = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("partners");
    for path in tallystick::partner::registry::manifests(&shipped).unwrap() {
        let id = path.parent().unwrap().file_name().unwrap().to_str().unwrap();
        let manifest = std::fs::read_to_string(&path).unwrap();
        // A partner for tools that try every operation.
        let scopes = "\"events:read\", \"referrals:read\"";
        let more = format!("\"files:write\", {scopes}");
        let fast = ("requests_per_second = 50\n", "requests_per_second = 5000\n");
        add(
            id,
            match id {
                "sunny-travel" => manifest.replace(scopes, &more).replace(fast.0, fast.1),
                _ => manifest,
            },
        );
    }
    std::fs::write(to.join("programme.toml"), test_programme(&shipped)).unwrap();
    let basket = std::fs::read_to_string(shipped.join("green-basket/partner.toml")).unwrap();
    let variant = |id: &str, from: &str, to: &str| {
        assert!(basket.contains(from), "the supermarket's manifest has no {from:?}");
        basket.replace("id = \"green-basket\"", &format!("id = \"{id}\"")).replace(from, to)
    };
    let agency = std::fs::read_to_string(shipped.join("sunny-travel/partner.toml")).unwrap();
    add("moon-travel", agency.replace("id = \"sunny-travel\"", "id = \"moon-travel\""));
    add("blue-basket", variant("blue-basket", "2035-12-31", "2036-12-31"));
    add("gone-basket", variant("gone-basket", "2035-12-31", "2020-12-31"));
    add(
        "new-basket",
        variant("new-basket", "[listed]\nfrom = \"2016-01-01\"", "[listed]\nfrom = \"2034-01-01\""),
    );
    add(
        "halted-basket",
        variant("halted-basket", "status = \"sandbox\"", "status = \"suspended\""),
    );
    add("linked-basket", variant("linked-basket", "\"first_event\"", "\"linked\""));
    // Points of the first expire after a year; points of the second may not be spent for a month.
    let lot = |id: &str, term: &str| {
        variant(id, "partner_share = \"0.40\"", &format!("partner_share = \"0.40\"\n{term}"))
    };
    add("brief-basket", lot("brief-basket", "expires_months = 12"));
    add("trip-basket", lot("trip-basket", "pending_days = 30"));
    add(
        "slow-basket",
        variant("slow-basket", "requests_per_second = 50000", "requests_per_second = 2"),
    );
    add(
        "token-url-basket",
        variant("token-url-basket", "[access]", "[access]\ntoken_url_as_audience = true"),
    );
    for bound in ["dpop", "mtls"] {
        let line = format!("[access]\nsender_constrained = \"{bound}\"");
        let id = format!("{bound}-basket");
        add(&id, variant(&id, "[access]", &line));
    }
    let signed = "[access]\nsigned_requests = true";
    add("signed-basket", variant("signed-basket", "[access]", signed));
    add("corner-basket", variant("corner-basket", "[members]", &form()));
    add("other-corner", variant("other-corner", "[members]", &form()));
    keys
}

/// A programme that takes events of any day and any sum: most tests date their events weeks back. Those
/// that try the bounds start from [`Trial::bounded_on`].
fn unbounded(programme: &str) -> String {
    let (before, limits) = programme.split_once("# What a partner may cost").unwrap();
    let late = "late_days_max = 7\nlate_days_ceiling = 60";
    assert!(before.contains(late));
    let wide = limits.lines().map(|line| match line.split_once(" = ") {
        Some((name @ ("max" | "ceiling"), _)) => format!("{name} = \"92233720368547758.07\"\n"),
        _ => format!("{line}\n"),
    });
    let before = before.replace(late, "late_days_max = 3660\nlate_days_ceiling = 3660");
    format!("{before}# What a partner may cost{}", wide.collect::<String>())
}

/// The PIN of the shops that have a form.
pub const PIN: &str = "20261124";

fn form() -> String {
    static RECORD: OnceLock<PinRecord> = OnceLock::new();
    let fewest = 100_000.try_into().unwrap();
    let record = RECORD.get_or_init(|| PinRecord::of(PIN, [7; 16], fewest).unwrap());
    format!("[form]\npin = \"{}\"\nstore = \"corner-1\"\n\n[members]", record.as_text())
}

/// A migrated, empty database. It is a copy of one that was made once, because migrating is slow.
fn database(store: Store, folder: &Path) -> (String, Option<String>) {
    match store {
        Store::Sqlite => {
            let path = folder.join("test.db");
            std::fs::copy(sqlite_template(), &path).unwrap();
            (format!("sqlite://{}", path.display()), None)
        }
        Store::Postgres => {
            static COUNT: AtomicU32 = AtomicU32::new(0);
            let name = format!("trial_{}", COUNT.fetch_add(1, Ordering::Relaxed));
            let url = Cluster::shared().create_database(&name, Some(postgres_template()));
            (url, Some(name))
        }
    }
}

fn sqlite_template() -> &'static Path {
    static TEMPLATE: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    &TEMPLATE
        .get_or_init(|| {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("template.db");
            migrate(&format!("sqlite://{}", path.display()));
            (folder, path)
        })
        .1
}

fn postgres_template() -> &'static str {
    static TEMPLATE: OnceLock<&str> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        migrate(&Cluster::shared().create_database("template_migrated", None));
        "template_migrated"
    })
}

fn migrate(url: &str) {
    let mut db = store::open(&DatabaseUrl::parse(url).unwrap()).unwrap();
    store::migrate(&mut db).unwrap();
}
