//! One break: both sides beside each other, why they did not match, what is proposed, and what was said.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::attachment_list::{AttachmentView, views};
use super::break_list::{BreakRow, difference};
use super::break_words::{action_name, code_by_name, state_by_name, would_match};
use super::page::{self, Frame, Part};
use super::sign_in::fresh_path;
use super::story_links;
use super::visit::Visit;
use crate::clock::Moment;
use crate::http::Gateway;
use crate::http::access::staff::Role;
use crate::http::pages::figures::grouped;
use crate::http::problem::Problem;
use crate::ids::{BreakId, EventId, EventKey, PartnerId};
use crate::ledger::Posting;
use crate::ledger::account::chart;
use crate::reconcile::attachments;
use crate::reconcile::break_record::{
    BreakFacts, FactDecision, FactRow, Note, NoteAuthor, NoteReaders,
};
use crate::reconcile::breaks::{self, BreakDetail};
use crate::reconcile::item::ItemKind;
use crate::reconcile::proposal::{BreakState, Proposal, ProposalState};
use crate::story::StoryId;
use crate::writer::break_postings;

#[derive(Template)]
#[template(path = "break.html", config = "src/http/askama.toml")]
struct Page {
    frame: Frame,
    row: BreakRow,
    sides: [Side; 2],
    twin: Option<Fact>,
    more_rows: u64,
    difference: String,
    why: String,
    would_match: &'static str,
    decisions: Vec<Decision>,
    no_longer_found: bool,
    waiting: Option<Waiting>,
    past: Vec<PastProposal>,
    notes: Vec<NoteView>,
    attachments: Vec<AttachmentView>,
    may_propose: bool,
    may_note: bool,
    form: BreakForm,
}

/// What was typed, and what is to be mended about it.
#[derive(Default)]
pub struct BreakForm {
    pub action: String,
    pub amount: String,
    pub reason: String,
    pub note: String,
    pub errors: Vec<FormError>,
}

pub struct FormError {
    /// The id of the field.
    pub field: &'static str,
    pub says: String,
}

struct Side {
    label: &'static str,
    rows: Vec<Fact>,
}

/// A row with what tells it apart.
struct Fact {
    order: Mark,
    event: Mark,
    /// The story of the event; empty where the reader may not open it.
    story: String,
    store: Mark,
    amount: Mark,
    time: Mark,
    line: String,
    kind: &'static str,
    matched_in: String,
}

/// A value, and whether the other side has another.
struct Mark {
    text: String,
    differs: bool,
}

struct Decision {
    href: String,
    says: String,
}

/// The proposal that waits for another person.
struct Waiting {
    number: i64,
    action: &'static str,
    amount: String,
    reason: String,
    by: String,
    at: String,
    lapses: String,
    postings: Vec<PostingRow>,
    standing: Standing,
    fresh_href: String,
}

/// Whether the reader may decide.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Own,
    OtherRole,
    /// After showing once more who they are.
    Stale,
    Decides,
}

pub struct PostingRow {
    pub account: String,
    pub owner: String,
    pub amount: String,
}

struct PastProposal {
    action: &'static str,
    amount: String,
    reason: String,
    by: String,
    at: String,
    outcome: String,
}

struct NoteView {
    by: String,
    at: String,
    says: String,
    is_partner: bool,
    is_shared: bool,
}

/// `GET /console/breaks/{break}`.
pub async fn get_break(
    visit: Visit,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let id = read_id(&request)?;
    let found = gateway.main.ask_or(move |db| breaks::read(db, id)).await?;
    let shown = Shown { found, form: BreakForm::default(), status: StatusCode::OK };
    show(&visit, &gateway, &request, shown).await
}

/// What a page of a break shows.
pub struct Shown {
    pub found: BreakDetail,
    pub form: BreakForm,
    pub status: StatusCode,
}

/// The break of the path.
pub fn read_id(request: &HttpRequest) -> Result<BreakId, Problem> {
    let id = request.match_info().get("break").unwrap_or_default();
    BreakId::parse(id).ok_or_else(Problem::not_found)
}

pub async fn show(
    visit: &Visit,
    gateway: &Gateway,
    request: &HttpRequest,
    shown: Shown,
) -> Result<HttpResponse, Problem> {
    let Shown { found, form, status } = shown;
    let frame = Frame::open(request, gateway, visit, Part::Breaks).await?;
    let BreakDetail { found, proposals, notes } = found;
    let of = found.id;
    let files = gateway.main.ask_or(move |db| attachments::list(None, db, of)).await?;
    let facts: BreakFacts = serde_json::from_str(&found.facts).map_err(Problem::internal)?;
    let w = frame.w;
    let rows_of = FactReader { partner: &found.partner, may_read: story_links::may_read(visit) };
    let sides =
        [(w.their_side, &facts.theirs, &facts.ours), (w.our_side, &facts.ours, &facts.theirs)];
    let sides = sides
        .map(|(label, own, others)| Side { label, rows: facts_of(&frame, &rows_of, own, others) });
    let why = if frame.language.is_chinese() {
        found.code.says_zh(found.sums)
    } else {
        found.code.says(found.sums)
    };
    let is_open = match found.state {
        BreakState::Open | BreakState::AwaitingPartner => true,
        BreakState::Proposed => proposals
            .iter()
            .all(|it| it.state != ProposalState::Proposed || it.has_lapsed(frame.now)),
        BreakState::Accepted
        | BreakState::Adjusted
        | BreakState::WrittenOff
        | BreakState::Cleared => false,
    };
    let (waiting, past): (Vec<Proposal>, Vec<Proposal>) = proposals
        .into_iter()
        .partition(|it| it.state == ProposalState::Proposed && !it.has_lapsed(frame.now));
    let reader = Reader { visit, is_fresh: visit.is_fresh(gateway, frame.now) };
    let path = format!("/console/breaks/{}", found.id);
    let waiting = waiting.into_iter().next_back();
    let waiting = waiting.map(|it| Waiting::of(&frame, &reader, it, &found.partner, &path));
    let twin = facts.twin.as_ref().map(|row| Fact::of(&frame, &rows_of, row, None));
    let decisions = facts.decided.iter().map(|it| Decision::of(&frame, it)).collect();
    let page = Page {
        row: BreakRow::of(gateway, &frame, &found)?,
        sides,
        twin,
        more_rows: facts.more,
        difference: difference(&frame, found.sums),
        why,
        would_match: would_match(found.code, frame.language),
        decisions,
        no_longer_found: facts.gone,
        waiting: waiting.transpose()?,
        past: past.into_iter().rev().map(|it| PastProposal::of(&frame, it)).collect(),
        attachments: views(&frame, found.id, files),
        notes: notes.into_iter().map(|note| NoteView::of(&frame, note)).collect(),
        may_propose: is_open && visit.has(Role::Reconcile),
        may_note: visit.has(Role::Reconcile),
        form,
        frame,
    };
    page::show(request, status, &page)
}

/// Who reads the page.
struct Reader<'a> {
    visit: &'a Visit,
    is_fresh: bool,
}

/// Whose rows they are, and whether the reader may open the stories of their events.
struct FactReader<'a> {
    partner: &'a PartnerId,
    may_read: bool,
}

impl FactReader<'_> {
    fn story(&self, event: &str) -> String {
        let id = EventId::try_from(event).ok().filter(|_id| self.may_read);
        let key = id.map(|id| EventKey::of(self.partner, &id));
        key.map_or_else(String::new, |key| story_links::path(StoryId::Event(key)))
    }
}

fn facts_of(
    frame: &Frame,
    reader: &FactReader<'_>,
    own: &[FactRow],
    others: &[FactRow],
) -> Vec<Fact> {
    // Only one row beside one row can be held against each other.
    let other = match (own, others) {
        ([_one], [other]) => Some(other),
        _ => None,
    };
    own.iter().map(|row| Fact::of(frame, reader, row, other)).collect()
}

impl Fact {
    fn of(frame: &Frame, reader: &FactReader<'_>, row: &FactRow, other: Option<&FactRow>) -> Self {
        let mark = |text: &Option<String>, theirs: Option<&Option<String>>| Mark {
            text: text.clone().unwrap_or_else(|| "–".to_owned()),
            differs: theirs.is_some_and(|theirs| theirs != text),
        };
        let value = |row: &FactRow| {
            let amount = grouped(&row.amount);
            if row.currency == "CNY" { amount } else { format!("{} {amount}", row.currency) }
        };
        let moment = |row: &FactRow| Moment::parse(&row.at);
        let time = moment(row).map_or_else(|| row.at.clone(), |at| frame.figures.time(&at));
        let day = |row: &FactRow| moment(row).map(|at| at.day_in(frame.zone));
        Self {
            order: mark(&row.order, other.map(|other| &other.order)),
            event: mark(&row.event, other.map(|other| &other.event)),
            story: row.event.as_deref().map_or_else(String::new, |id| reader.story(id)),
            store: mark(&row.store, other.map(|other| &other.store)),
            amount: Mark {
                text: value(row),
                differs: other.is_some_and(|other| value(other) != value(row)),
            },
            time: Mark { text: time, differs: other.is_some_and(|other| day(other) != day(row)) },
            line: row.line.map_or_else(String::new, |line| line.to_string()),
            kind: kind_name(frame, &row.kind),
            matched_in: row.matched_in.clone().unwrap_or_default(),
        }
    }
}

fn kind_name(frame: &Frame, kind: &str) -> &'static str {
    let (english, chinese) = match ItemKind::by_name(kind) {
        Some(ItemKind::Payment) => ("Payment", "支付"),
        Some(ItemKind::Refund) => ("Refund", "退款"),
        Some(ItemKind::Redemption) => ("Redemption", "兑换"),
        Some(ItemKind::Return) => ("Return", "退回"),
        None => ("", ""),
    };
    if frame.language.is_chinese() { chinese } else { english }
}

impl Decision {
    fn of(frame: &Frame, decided: &FactDecision) -> Self {
        let language = frame.language;
        let at = Moment::parse(&decided.decided_at);
        let at = at.map_or_else(String::new, |at| frame.figures.time(&at));
        let posted = decided.posted.as_deref().map(grouped).unwrap_or_default();
        let (code, state) =
            (code_by_name(&decided.code, language), state_by_name(&decided.state, language));
        Self {
            href: format!("/console/breaks/{}", decided.break_id),
            says: format!("{} · {code} · {state} {posted} · {at}", decided.period),
        }
    }
}

impl Waiting {
    fn of(
        frame: &Frame,
        reader: &Reader<'_>,
        proposal: Proposal,
        partner: &PartnerId,
        path: &str,
    ) -> Result<Self, Problem> {
        let standing = if proposal.proposed_by.is_same_person(reader.visit.id()) {
            Standing::Own
        } else if !reader.visit.has(Role::Settle) {
            Standing::OtherRole
        } else if reader.is_fresh {
            Standing::Decides
        } else {
            Standing::Stale
        };
        let amount = proposal.action.amount();
        let postings = match amount {
            Some(amount) => break_postings(partner, amount).map_err(Problem::internal)?,
            None => Vec::new(),
        };
        Ok(Self {
            number: proposal.number,
            action: action_name(proposal.action, frame.language),
            amount: amount.map_or_else(String::new, |amount| frame.figures.signed(&amount)),
            reason: proposal.reason,
            by: proposal.proposed_by.as_str().to_owned(),
            at: frame.figures.time(&proposal.proposed_at),
            lapses: frame.figures.time(&proposal.lapses_at),
            postings: postings.iter().map(|it| PostingRow::of(frame, it)).collect(),
            standing,
            fresh_href: fresh_path(path),
        })
    }
}

impl PostingRow {
    pub fn of(frame: &Frame, posting: &Posting) -> Self {
        let code = posting.account.code.name();
        let named = chart().iter().find(|line| line.code == code);
        let named = named.map(|line| frame.say(&line.name, &line.name_zh));
        Self {
            account: named.unwrap_or(code).to_owned(),
            owner: posting.account.owner.name().to_owned(),
            amount: frame.figures.signed(&posting.amount),
        }
    }
}

impl PastProposal {
    fn of(frame: &Frame, proposal: Proposal) -> Self {
        let figures = frame.figures;
        let outcome = match &proposal.state {
            ProposalState::Proposed | ProposalState::Lapsed { .. } => {
                frame.say("Lapsed", "已失效").to_owned()
            }
            ProposalState::Approved { by, at, .. } => {
                let word = frame.say("Approved by", "已批准");
                format!("{word} {}, {}", by.as_str(), figures.time(at))
            }
            ProposalState::Rejected { by, because, at } => {
                let word = frame.say("Rejected by", "已驳回");
                format!("{word} {}, {}: {because}", by.as_str(), figures.time(at))
            }
        };
        let amount = proposal.action.amount();
        Self {
            action: action_name(proposal.action, frame.language),
            amount: amount.map_or_else(String::new, |amount| figures.signed(&amount)),
            reason: proposal.reason,
            by: proposal.proposed_by.as_str().to_owned(),
            at: figures.time(&proposal.proposed_at),
            outcome,
        }
    }
}

impl NoteView {
    fn of(frame: &Frame, note: Note) -> Self {
        Self {
            by: note.by.id().to_owned(),
            at: frame.figures.time(&note.noted_at),
            says: note.says,
            is_partner: matches!(note.by, NoteAuthor::Partner(_)),
            is_shared: note.readers == NoteReaders::StaffAndPartner,
        }
    }
}
