//! `tallystick reconcile breaks propose` and `approve`, for many breaks at once by a typed total, and `attach`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use super::Failure;
use crate::app::Core;
use crate::clock;
use crate::ids::{BreakId, StaffId};
use crate::money::{Amount, Asset};
use crate::partner::Registry;
use crate::reconcile::attachment::{AttachmentName, AttachmentType, NewAttachment};
use crate::reconcile::attachments::{self, AttachedAt};
use crate::reconcile::break_record::{Break, NoteAuthor, NoteReaders};
use crate::reconcile::breaks::{ProposalOrder, ProposedAt};
use crate::reconcile::bulk::{self, BulkApproval, BulkProposal, LookedAt};
use crate::reconcile::bulk_total::{BULK_MAX, BulkTotal};
use crate::reconcile::item::{Currency, ItemValue};
use crate::reconcile::proposal::ProposalAction;
use crate::secrets::key_source::KeySource;
use crate::secrets::keys::Keys;
use crate::settings::Settings;
use crate::store::{self, Db};

#[derive(Debug, clap::Subcommand)]
pub enum BulkAct {
    /// Propose the same for many breaks: all of it, or nothing.
    Propose(BulkProposeArgs),
    /// Approve what somebody else proposed for many breaks: all of it, or nothing.
    Approve(BulkApproveArgs),
}

/// What somebody types who has looked at the breaks.
#[derive(Debug, clap::Args)]
pub struct TypedTotal {
    /// How many breaks they are.
    #[arg(long)]
    count: usize,
    /// What their sides are apart, by currency, such as CNY=12.50. May be given more than once.
    #[arg(long = "total", value_parser = total)]
    totals: Vec<ItemValue>,
}

#[derive(Debug, clap::Args)]
pub struct BulkProposeArgs {
    #[arg(required = true, num_args = 1.., value_parser = break_id)]
    breaks: Vec<BreakId>,
    /// accept, write_off or ask_partner.
    #[arg(long)]
    action: String,
    /// Why; with ask_partner the question.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    typed: TypedTotal,
    #[arg(long)]
    by: StaffId,
}

#[derive(Debug, clap::Args)]
pub struct BulkApproveArgs {
    /// Each break with the number of its proposal that was looked at, such as 0f3c…=1.
    #[arg(required = true, num_args = 1.., value_parser = looked_at)]
    breaks: Vec<LookedAt>,
    /// What is adjusted, all together, in CNY.
    #[arg(long, default_value = "0.00", allow_hyphen_values = true)]
    adjusted: String,
    #[command(flatten)]
    typed: TypedTotal,
    #[arg(long)]
    by: StaffId,
}

#[derive(Debug, clap::Args)]
pub struct AttachArgs {
    #[arg(value_parser = break_id)]
    id: BreakId,
    /// A PDF, a picture (PNG, JPEG), text, CSV or a workbook (.xlsx), of 1 MiB at most.
    file: PathBuf,
    /// The partner may read it as well.
    #[arg(long)]
    shared: bool,
    #[arg(long)]
    by: StaffId,
}

/// # Errors
/// When the act is refused, or the database cannot be used.
pub async fn run(act: BulkAct, settings: &Settings) -> Result<bool, Failure> {
    match act {
        BulkAct::Propose(args) => propose(args, settings),
        // By the writer, because adjustments post.
        BulkAct::Approve(args) => Box::pin(approve(args, settings)).await,
    }
}

fn propose(args: BulkProposeArgs, settings: &Settings) -> Result<bool, Failure> {
    let BulkProposeArgs { breaks, action, reason, typed, by } = args;
    each_once(breaks.iter().copied())?;
    let names = ProposalAction::NAMES_OF_MANY;
    let known = names.contains(&action.as_str()).then(|| ProposalAction::of(&action, None));
    let expected = || format!("expected one of {}", names.join(", "));
    let action = known.flatten().ok_or_else(expected)?;
    let typed = BulkTotal::typed(typed.count, &typed.totals, 0);
    let bulk = BulkProposal { breaks, order: ProposalOrder { action, reason }, typed };
    let registry = Arc::new(Registry::load(&settings.partners)?);
    let at = ProposedAt { now: clock::now(), registry };
    let mut db = store::open(&settings.database_url)?;
    Ok(print(&bulk::propose(&by, &mut db, &bulk, &at)?))
}

async fn approve(args: BulkApproveArgs, settings: &Settings) -> Result<bool, Failure> {
    let BulkApproveArgs { breaks, adjusted, typed, by } = args;
    each_once(breaks.iter().map(|it| it.id))?;
    let adjusted = Amount::parse(&adjusted, Asset::CNY)?.minor();
    let typed = BulkTotal::typed(typed.count, &typed.totals, adjusted);
    let core = Core::start(settings)?;
    let books = core.all_books().next().cloned().ok_or("there are no books")?;
    let done = bulk::approve(&by, &books, BulkApproval { breaks, typed }).await;
    drop(books);
    core.stop().await;
    Ok(print(&done?))
}

/// Attaches a file to a break. What its name ends with says of which type the file is.
///
/// # Errors
/// When the file cannot be read, or is not attached.
pub fn attach(args: AttachArgs, settings: &Settings, db: &mut Db) -> Result<bool, Failure> {
    let AttachArgs { id, file, shared, by } = args;
    let end = file.extension().map(|end| end.to_string_lossy().to_lowercase());
    let kind =
        AttachmentType::ALL.into_iter().find(|kind| end.as_deref() == Some(kind.extension()));
    let ends = AttachmentType::ALL.map(AttachmentType::extension).join(", ");
    let kind = kind.ok_or_else(|| format!("expected a file whose name ends in one of {ends}"))?;
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = name.as_deref().and_then(AttachmentName::parse);
    let name = name.ok_or("expected a file with a name of 1 to 100 plain characters")?;
    let readers = if shared { NoteReaders::StaffAndPartner } else { NoteReaders::Staff };
    let new = NewAttachment { name, kind, readers, content: std::fs::read(&file)? };
    let (keys, _made) = Keys::from_source(&KeySource::from(settings))?;
    let at = AttachedAt { keys: keys.personal, now: clock::now() };
    let kept = attachments::attach(&NoteAuthor::Staff(by), db, id, new, &at)?;
    println!("{} is attached to {id}", kept.id);
    Ok(true)
}

fn each_once(ids: impl Iterator<Item = BreakId>) -> Result<(), String> {
    let all: Vec<BreakId> = ids.collect();
    let once: BTreeSet<&BreakId> = all.iter().collect();
    if all.len() > BULK_MAX || once.len() != all.len() {
        return Err(format!("expected 1 to {BULK_MAX} breaks, each once"));
    }
    Ok(())
}

fn print(done: &[Break]) -> bool {
    done.iter().for_each(|found| println!("{} is {}", found.id, found.state.name()));
    true
}

/// Whatever the currency is, it is written with two decimals.
fn total(text: &str) -> Result<ItemValue, String> {
    let expected = || "expected a currency and an amount, such as CNY=12.50".to_owned();
    let (currency, amount) = text.split_once('=').ok_or_else(expected)?;
    let currency = Currency::by_code(currency).ok_or_else(expected)?;
    let amount = Amount::parse(amount, Asset::CNY).map_err(|_bad| expected())?;
    Ok(ItemValue { currency, minor: amount.minor() })
}

fn looked_at(text: &str) -> Result<LookedAt, String> {
    let expected = || "expected a break and its proposal, such as 0f3c…=1".to_owned();
    let (id, number) = text.split_once('=').ok_or_else(expected)?;
    let id = break_id(id)?;
    Ok(LookedAt { id, proposal: number.parse().map_err(|_bad| expected())? })
}

pub(super) fn break_id(text: &str) -> Result<BreakId, String> {
    BreakId::parse(text).ok_or_else(|| "expected 32 hexadecimal digits".to_owned())
}
