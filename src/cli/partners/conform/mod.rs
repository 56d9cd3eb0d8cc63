//! `tallystick partners conform`: walks a partner's key through every rule of the guide, in the
//! sandbox, and looks at what the partner's own software did there.

mod access;
mod dpop;
mod key;
mod lanes;
mod observed;
mod payments;
mod problems;
mod redemption;
mod referrals;
pub mod report;
mod visitor;
mod walk;
mod webhooks;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;

use self::dpop::Prover;
use self::key::PrivateKey;
use self::observed::Span;
use self::report::{Report, Rule, Verdict};
use self::visitor::Visitor;
use self::walk::{EVENT, Walk};
use crate::cli::Failure;
use crate::clock::{self, Moment};
use crate::ids::PartnerId;
use crate::partner::Registry;
use crate::partner::constraint::SenderConstraint;
use crate::settings::Settings;
use crate::store::conformance::{self, Run};
use crate::store::{self, Db};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The partner's id.
    id: PartnerId,
    /// The gateway, as the partner reaches it.
    #[arg(long)]
    url: String,
    /// The partner's private key, as keygen writes it; without it only --observe says anything.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Look at what the partner's own software did in the sandbox over the last days.
    #[arg(long, value_name = "DAYS")]
    observe: Option<u32>,
    /// The same, since a moment (RFC 3339), such as when a fault was mended.
    #[arg(long, value_name = "MOMENT", conflicts_with = "observe")]
    observe_since: Option<String>,
    /// How long an event that was put off may take to come again, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 900)]
    patience: u32,
    /// Keep the outcome: a partner becomes conformant only with a pass. Needs --key and --observe.
    #[arg(long)]
    record: bool,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the kit; `Ok(false)` when a rule is broken.
///
/// # Errors
/// When the partner, its key or the database cannot be read.
pub async fn run(args: Args, settings: &Settings) -> Result<bool, Failure> {
    let observes = args.observe.is_some() || args.observe_since.is_some();
    if args.record && (args.key.is_none() || !observes) {
        return Err("--record needs --key and --observe: a pass is of all rules".into());
    }
    let registry = Registry::load(&settings.partners)?;
    let partner = registry.get(&args.id);
    let partner = partner.ok_or_else(|| format!("no partner {} in the registry", args.id))?;
    let key = args.key.as_deref().map(PrivateKey::read).transpose()?;
    let mut walk = Walk::new(Visitor::new(&args.url, args.id.clone(), key)?, Arc::clone(&partner));
    walk.visitor.signs = partner.access.signed_requests;
    if partner.access.sender_constrained == Some(SenderConstraint::Dpop) {
        walk.visitor.prover = Some(Prover::new()?);
    }
    let per_second = partner.access.requests_per_second.max(1);
    walk.visitor.pause = Duration::from_secs(1).checked_div(per_second).unwrap_or_default();
    access::metadata(&mut walk).await;
    if walk.visitor.key.is_some() {
        Box::pin(follow_the_guide(&mut walk)).await;
    } else {
        walk.skip(Rule::of(EVENT, "the partner's key goes through the guide"), "no --key");
    }
    if observes {
        let mut db = store::open(settings.books_url(settings.sandbox.is_some())?)?;
        observed::observed(&mut walk, &mut db, &span(&args)?)?;
    }
    let report = walk.report;
    let json = serde_json::to_string(&report)?;
    if args.record {
        record(&mut store::open(&settings.database_url)?, &report, &json)?;
    }
    println!("{}", if args.json { json } else { report.in_words() });
    Ok(report.is_in_order())
}

async fn follow_the_guide(walk: &mut Walk) {
    if !access::tokens(walk).await || !problems::sandbox(walk).await {
        return;
    }
    dpop::bound(walk).await;
    if payments::payments(walk).await {
        lanes::lanes(walk).await;
        redemption::redemption(walk).await;
        problems::problems(walk).await;
    }
    referrals::referrals(walk).await;
    payments::signing(walk).await;
    webhooks::webhooks(walk).await;
}

fn span(args: &Args) -> Result<Span, Failure> {
    let now = clock::now();
    let from = match &args.observe_since {
        Some(text) => Moment::parse(text).ok_or("--observe-since: expected RFC 3339")?,
        None => now.minus(TimeDelta::days(i64::from(args.observe.unwrap_or(0)))),
    };
    Ok(Span { from, patience_until: now.minus(TimeDelta::seconds(i64::from(args.patience))) })
}

/// Keeps the outcome. A pass is one in which the partner's own software was seen.
fn record(db: &mut Db, report: &Report, json: &str) -> Result<(), Failure> {
    let seen = |it: &report::Check| it.rule == observed::SEEN && it.verdict == Verdict::Passed;
    let passed = report.is_in_order() && report.checks.iter().any(seen);
    let run = Run { partner: &report.partner, recorded_at: report.at, passed, report: json };
    db.write(|tx| conformance::insert(tx, &run))?;
    let outcome = if passed { "a pass" } else { "no pass" };
    eprintln!("recorded for {}: {outcome}", report.partner);
    Ok(())
}
