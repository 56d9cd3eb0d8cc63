//! `tallystick reconcile`: a partner's statement comes in, is held against our books, and people decide
//! on what differs. The acts are those of the API; `--by` says who.

use std::path::PathBuf;
use std::sync::Arc;

use super::reconcile_statement::{self, SettlementArgs, VerifyArgs};
use super::{Failure, bank_file, bulk_breaks, separations};
use crate::app::Core;
use crate::clock;
use crate::ids::{BreakId, PartnerId, StaffId, hex};
use crate::intake::Charset;
use crate::ledger::chain::Hash;
use crate::money::{Amount, Asset};
use crate::partner::matching::MatchingRules;
use crate::partner::{Partner, Registry};
use crate::reconcile::break_code::BreakCode;
use crate::reconcile::break_record::BreakFilter;
use crate::reconcile::breaks::{self, BreakDetail, ProposalOrder, ProposedAt};
use crate::reconcile::closing;
use crate::reconcile::item::ItemValue;
use crate::reconcile::payouts;
use crate::reconcile::period::Period;
use crate::reconcile::proposal::{BreakState, ProposalAction, ProposalRejection};
use crate::reconcile::refusal::ReconcileRefusal;
use crate::reconcile::replay::{Replay, RuleMatch, RulesCompared, replay};
use crate::reconcile::run::run as compare;
use crate::reconcile::run_order::RunOrder;
use crate::reconcile::statement::StatementSender;
use crate::reconcile::statement_file::FileSource;
use crate::reconcile::statements::{self, HandedIn, Imported, StatementOrder};
use crate::secrets::key_source::KeySource;
use crate::secrets::keys::Keys;
use crate::settings::Settings;
use crate::store::reconciliations::RunState;
use crate::store::{self, Db};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Take a partner's statement in: CSV as its manifest maps the columns, plain, gzip or ZIP, or a workbook.
    Import(ImportArgs),
    /// Compare a partner's month with our books, and print what came of it as JSON.
    Run(RunArgs),
    /// Show as CSV which matches of past months other rules would change. Nothing is kept.
    Replay(ReplayArgs),
    /// Print breaks as CSV, the oldest first; or propose and approve for many of them at once.
    #[command(args_conflicts_with_subcommands = true)]
    Breaks(BreaksArgs),
    /// Attach a file to a break.
    Attach(bulk_breaks::AttachArgs),
    /// Propose that the match of a line is ended: the line and its event do not belong together.
    Separate(separations::SeparateArgs),
    /// Decide on such a proposal of another person.
    Separation(separations::SeparationArgs),
    /// Propose what is to be done about a break.
    Propose(ProposeArgs),
    /// Approve what somebody else proposed.
    Approve(DecideArgs),
    /// Reject what was proposed.
    Reject(RejectArgs),
    /// Propose the close of a partner's month; with --approve, close what somebody else proposed.
    Close(CloseArgs),
    /// Print the settlement statement of a month, or write it as a file: signed, CSV, XLSX or PDF.
    Settlement(SettlementArgs),
    /// Check a signed statement offline, also against a partner's own receipts.
    Verify(VerifyArgs),
    /// Print the order to the bank to pay a closed month: ISO 20022, pain.001.001.09.
    Payout(RunArgs),
    /// Take in what the bank answers: ISO 20022, camt.053, camt.054 or pain.002.
    Bank(bank_file::BankArgs),
    /// Print where the payout of a month stands, and how it came there.
    PayoutState(bank_file::MonthArgs),
}

#[derive(Debug, clap::Args)]
pub struct CloseArgs {
    #[command(flatten)]
    run: RunArgs,
    /// Close the month that another person proposed to close.
    #[arg(long, requires = "sha256")]
    approve: bool,
    /// With --approve: the SHA-256 of the statement that was looked at, as the proposal printed it.
    #[arg(long)]
    sha256: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct ImportArgs {
    file: PathBuf,
    #[arg(long)]
    partner: PartnerId,
    /// The month, such as 2026-10.
    #[arg(long)]
    period: Period,
    /// The number of the file, where a month comes in several.
    #[arg(long, default_value_t = 1)]
    part: i64,
    /// Who takes it in.
    #[arg(long)]
    by: StaffId,
    /// The file's charset: utf-8 or gb18030 [default: what fits its lines]
    #[arg(long, value_parser = charset)]
    charset: Option<Charset>,
    /// Read and check the file, and keep nothing.
    #[arg(long)]
    preview: bool,
}

#[derive(Debug, clap::Args)]
pub struct RunArgs {
    #[arg(long)]
    partner: PartnerId,
    /// The month, such as 2026-10.
    #[arg(long)]
    period: Period,
    /// Who has it compared.
    #[arg(long)]
    by: StaffId,
}

#[derive(Debug, clap::Args)]
pub struct ReplayArgs {
    #[arg(long)]
    partner: PartnerId,
    /// The first month, such as 2026-08.
    #[arg(long)]
    from: Period,
    /// The last month.
    #[arg(long)]
    to: Period,
    /// The folder of partners with the other rules: [statement.matching] of the partner's manifest.
    #[arg(long)]
    manifests: PathBuf,
}

#[derive(Debug, clap::Args)]
pub struct BreaksArgs {
    #[command(subcommand)]
    act: Option<bulk_breaks::BulkAct>,
    #[arg(long)]
    partner: Option<PartnerId>,
    /// A month of the partner.
    #[arg(long, requires = "partner")]
    period: Option<Period>,
    #[arg(long, default_value = "open", value_parser = state)]
    state: BreakState,
    #[arg(long, value_parser = code)]
    code: Option<BreakCode>,
}

#[derive(Debug, clap::Args)]
pub struct ProposeArgs {
    #[arg(value_parser = bulk_breaks::break_id)]
    id: BreakId,
    /// accept, adjust, write_off or ask_partner.
    #[arg(long)]
    action: String,
    /// With adjust: how much more the bank owes the partner, in CNY; less below zero.
    #[arg(long, allow_hyphen_values = true)]
    amount: Option<String>,
    /// Why; with ask_partner the question.
    #[arg(long)]
    reason: String,
    #[arg(long)]
    by: StaffId,
}

#[derive(Debug, clap::Args)]
pub struct DecideArgs {
    #[arg(value_parser = bulk_breaks::break_id)]
    id: BreakId,
    /// The number of the proposal that was looked at.
    #[arg(long)]
    proposal: i64,
    #[arg(long)]
    by: StaffId,
}

#[derive(Debug, clap::Args)]
pub struct RejectArgs {
    #[arg(value_parser = bulk_breaks::break_id)]
    id: BreakId,
    /// The number of the proposal that was looked at.
    #[arg(long)]
    proposal: i64,
    #[arg(long)]
    reason: String,
    #[arg(long)]
    by: StaffId,
}

const ROWS_AT_ONCE: i64 = 500;

/// # Errors
/// When the act is refused, or the database cannot be used.
pub async fn run(command: Command, settings: &Settings) -> Result<bool, Failure> {
    // It needs no database: a partner has none.
    if let Command::Verify(args) = command {
        return reconcile_statement::verify(args, settings);
    }
    if let Command::Breaks(BreaksArgs { act: Some(act), .. }) = command {
        return Box::pin(bulk_breaks::run(act, settings)).await;
    }
    let mut db = store::open(&settings.database_url)?;
    match command {
        Command::Verify(args) => reconcile_statement::verify(args, settings),
        Command::Close(args) => close(args, settings, &mut db),
        Command::Settlement(args) => reconcile_statement::settlement(args, settings, &mut db),
        Command::Payout(args) => payout(args, settings, &mut db),
        // By the writer, because what is paid is posted.
        Command::Bank(args) => Box::pin(bank_file::bank(args, settings)).await,
        Command::PayoutState(args) => bank_file::state(args, &mut db),
        Command::Import(args) => import(args, settings, &mut db),
        Command::Run(args) => compare_month(args, settings, &mut db),
        Command::Replay(args) => replay_rules(args, settings, &mut db),
        Command::Breaks(args) => list(args, &mut db),
        Command::Attach(args) => bulk_breaks::attach(args, settings, &mut db),
        Command::Separate(args) => separations::separate(args, &mut db),
        Command::Separation(args) => separations::decide(args, settings, &mut db),
        Command::Propose(args) => propose(args, settings, &mut db),
        // By the writer, because an adjustment posts.
        Command::Approve(args) => Box::pin(approve(args, settings)).await,
        Command::Reject(args) => {
            let RejectArgs { id, proposal, reason: because, by } = args;
            let rejection = ProposalRejection { proposal, because };
            print_state(&breaks::reject(&by, &mut db, id, rejection, clock::now())?)
        }
    }
}

/// A partner whose books are the real ones.
fn real_partner(id: &PartnerId, settings: &Settings) -> Result<Arc<Partner>, Failure> {
    let registry = Registry::load(&settings.partners)?;
    let partner = registry.get(id).ok_or_else(|| format!("no partner {id} in the registry"))?;
    if settings.sandbox.is_some() && partner.status.is_trial() {
        return Err(format!("{id} is on trial: its books are the sandbox's").into());
    }
    Ok(partner)
}

fn import(args: ImportArgs, settings: &Settings, db: &mut Db) -> Result<bool, Failure> {
    let partner = real_partner(&args.partner, settings)?;
    let name = args.file.file_name().map(|name| name.to_string_lossy().into_owned());
    let order = StatementOrder {
        partner: &partner,
        period: args.period,
        part: args.part,
        file_name: name,
        source: FileSource::Path(args.file),
        charset: args.charset,
        zone: settings.time_zone,
        bytes_max: settings.unpacked_bytes_max,
    };
    let checked = statements::check(&order)?;
    if args.preview {
        println!("good: {} lines, {}; nothing is kept", checked.lines, checked.charset.name());
        return Ok(true);
    }
    let (keys, _made) = Keys::from_source(&KeySource::from(settings))?;
    let at = HandedIn { keys: &keys.personal, now: clock::now() };
    let imported = statements::import(&StatementSender::Staff(args.by), db, &order, &checked, &at)?;
    let (statement, word) = match imported {
        Imported::New(statement) => (statement, "kept"),
        Imported::Before(statement) => (statement, "the same file came before"),
    };
    println!(
        "{word}: {} lines, part {} version {}, statement {}",
        statement.lines, statement.part, statement.version, statement.id
    );
    Ok(true)
}

fn compare_month(args: RunArgs, settings: &Settings, db: &mut Db) -> Result<bool, Failure> {
    let RunArgs { partner, period, by } = args;
    let rules = matching_rules(&*real_partner(&partner, settings)?);
    let order = RunOrder { partner, period, zone: settings.time_zone };
    match compare(&by, db, &order, &rules)?.state {
        RunState::Done { report, .. } => println!("{report}"),
        RunState::Running | RunState::GivenUp { .. } => return Ok(false),
    }
    Ok(true)
}

fn matching_rules(partner: &Partner) -> MatchingRules {
    partner.statement.as_ref().map(|map| map.matching.clone()).unwrap_or_default()
}

fn replay_rules(args: ReplayArgs, settings: &Settings, db: &mut Db) -> Result<bool, Failure> {
    let now = matching_rules(&*real_partner(&args.partner, settings)?);
    let others = Registry::load(&args.manifests)?;
    let then = others.get(&args.partner).ok_or("the other folder has no such partner")?;
    let then = matching_rules(&then);
    let rules = RulesCompared { now: &now, then: &then };
    let mut out = csv::Writer::from_writer(std::io::stdout().lock());
    out.write_record(["period", "statement", "line", "now", "then"])?;
    let mut period = args.from;
    while period <= args.to {
        let order = RunOrder { partner: args.partner.clone(), period, zone: settings.time_zone };
        let replayed = match replay(db, &order, &rules) {
            Ok(replayed) => replayed,
            Err(ReconcileRefusal::NoStatement { .. }) => {
                eprintln!("{period}: no statement");
                period = period.next();
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        for line in &replayed.differing {
            let told = |rule: Option<RuleMatch>| rule.map_or("no match", |rule| rule.rule);
            out.write_record([
                period.to_string(),
                line.statement.to_string(),
                line.line.to_string(),
                told(line.now).to_owned(),
                told(line.then).to_owned(),
            ])?;
        }
        let Replay { now, then, differing } = replayed;
        eprintln!("{period}: {} lines differ; now {now:?}; then {then:?}", differing.len());
        period = period.next();
    }
    out.flush()?;
    Ok(true)
}

fn close(args: CloseArgs, settings: &Settings, db: &mut Db) -> Result<bool, Failure> {
    let CloseArgs { run: RunArgs { partner, period, by }, approve, sha256 } = args;
    let looked_at = sha256.as_deref().map(Hash::parse);
    let looked_at = looked_at.map(|hash| hash.ok_or("sha256: expected 64 hexadecimal digits"));
    let found = real_partner(&partner, settings)?;
    let order = RunOrder { partner, period, zone: settings.time_zone };
    let (settlement, word) = match looked_at.transpose()?.filter(|_hash| approve) {
        Some(Hash(hash)) => (closing::close(&by, db, &order, &found, &hash)?, "closed"),
        None => (closing::propose(&by, db, &order, &found)?, "proposed to be closed"),
    };
    let sha256 = hex(&settlement.sha256);
    println!("{} of {} is {word}, statement {sha256}", settlement.period, settlement.partner);
    Ok(true)
}

fn payout(args: RunArgs, settings: &Settings, db: &mut Db) -> Result<bool, Failure> {
    let RunArgs { partner, period, by } = args;
    let order = RunOrder { partner, period, zone: settings.time_zone };
    real_partner(&order.partner, settings)?;
    print!("{}", payouts::file(&by, db, &order)?.xml);
    Ok(true)
}

fn list(args: BreaksArgs, db: &mut Db) -> Result<bool, Failure> {
    let BreaksArgs { act: _, partner, period, state, code } = args;
    let filter = BreakFilter { state, partner, period, code };
    let mut out = csv::Writer::from_writer(std::io::stdout().lock());
    out.write_record([
        "break", "partner", "period", "code", "kind", "theirs", "ours", "day", "due_on", "says",
    ])?;
    let mut after = None;
    loop {
        let page = store::breaks::page(db, &filter, after, ROWS_AT_ONCE)?;
        let Some(last) = page.last() else { break };
        after = Some((last.opened_at, last.id));
        for found in &page {
            let value =
                |value: Option<ItemValue>| value.map_or_else(String::new, |it| it.to_string());
            out.write_record([
                found.id.to_string(),
                found.partner.to_string(),
                found.period.to_string(),
                found.code.name().to_owned(),
                found.kind.name().to_owned(),
                value(found.sums.theirs),
                value(found.sums.ours),
                found.business_day.to_string(),
                found.due_on.to_string(),
                found.code.says(found.sums),
            ])?;
        }
    }
    out.flush()?;
    Ok(true)
}

fn propose(args: ProposeArgs, settings: &Settings, db: &mut Db) -> Result<bool, Failure> {
    let ProposeArgs { id, action, amount, reason, by } = args;
    let amount = amount.map(|amount| Amount::parse(&amount, Asset::CNY)).transpose()?;
    let names = ProposalAction::NAMES.join(", ");
    let action = ProposalAction::of(&action, amount)
        .ok_or_else(|| format!("expected one of {names}; an amount, not 0, with adjust alone"))?;
    let registry = Arc::new(Registry::load(&settings.partners)?);
    let at = ProposedAt { now: clock::now(), registry };
    print_state(&breaks::propose(&by, db, id, ProposalOrder { action, reason }, &at)?)
}

async fn approve(args: DecideArgs, settings: &Settings) -> Result<bool, Failure> {
    let core = Core::start(settings)?;
    let books = core.all_books().next().cloned().ok_or("there are no books")?;
    let done = breaks::approve(&args.by, &books, args.id, args.proposal).await;
    drop(books);
    core.stop().await;
    print_state(&done?)
}

fn print_state(detail: &BreakDetail) -> Result<bool, Failure> {
    println!("{} is {}", detail.found.id, detail.found.state.name());
    Ok(true)
}

fn charset(name: &str) -> Result<Charset, String> {
    Charset::by_name(name).ok_or_else(|| "expected utf-8 or gb18030".to_owned())
}

fn state(name: &str) -> Result<BreakState, String> {
    let names = BreakState::ALL.map(BreakState::name).join(", ");
    BreakState::by_name(name).ok_or_else(|| format!("expected {names}"))
}

fn code(name: &str) -> Result<BreakCode, String> {
    let names = BreakCode::ALL.map(BreakCode::name).join(", ");
    BreakCode::by_name(name).ok_or_else(|| format!("expected {names}"))
}
