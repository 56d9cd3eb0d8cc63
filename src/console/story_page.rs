//! The steps of a story as people read them.

use super::break_words::{code_name, state_name};
use super::journal::{JournalLine, sum_of};
use super::operations_words::hold_rule_name;
use super::page::Frame;
use super::story_links::path;
use super::story_words::{StoryWords, kind_name, mark_name, referral_state};
use super::visit::Visit;
use crate::http::Gateway;
use crate::http::access::staff::Role;
use crate::reconcile::proposal::BreakState;
use crate::story::{
    Happened, LotNow, Message, Moved, Posted, SignedBy, StaffSaid, Step, Story, StoryId,
};

/// One thing that happened.
#[derive(Default)]
pub struct StepView {
    pub at: String,
    pub title: String,
    /// `good`, `wait` or `wrong`, for what stands out; empty otherwise.
    pub tone: &'static str,
    pub facts: Vec<FactView>,
    /// Sentences that give the reason.
    pub says: Vec<String>,
    pub journal: Vec<JournalLine>,
    pub has_more: bool,
    pub lots: Vec<LotView>,
    /// What the partner sent.
    pub body: String,
}

pub struct FactView {
    pub label: &'static str,
    pub text: String,
    /// Where it leads; empty for nowhere.
    pub href: String,
}

pub struct LotView {
    pub parts: Vec<FactView>,
}

struct Writer<'a> {
    gateway: &'a Gateway,
    frame: &'a Frame,
    s: &'static StoryWords,
    visit: &'a Visit,
}

pub fn steps(gateway: &Gateway, frame: &Frame, visit: &Visit, story: &Story) -> Vec<StepView> {
    let writer = Writer { gateway, frame, s: StoryWords::of(frame.language), visit };
    // Who read personal data is for whoever answers for it.
    let may_see =
        |step: &&Step| visit.has(Role::Privacy) || !matches!(step.what, Happened::Read { .. });
    story.steps.iter().filter(may_see).map(|step| writer.step(step)).collect()
}

impl FactView {
    /// Without a link.
    pub fn plain(label: &'static str, text: impl Into<String>) -> Self {
        fact(label, text)
    }
}

fn fact(label: &'static str, text: impl Into<String>) -> FactView {
    FactView { label, text: text.into(), href: String::new() }
}

impl Writer<'_> {
    fn step(&self, step: &Step) -> StepView {
        let (s, language) = (self.s, self.frame.language);
        let view = match &step.what {
            Happened::Came { body, is_signed } => {
                let says = if *is_signed { vec![] } else { vec![s.not_signed.to_owned()] };
                StepView { body: body.clone(), says, ..titled(s.came) }
            }
            Happened::Signed(by) => self.signed(by),
            Happened::Posted(posted) => self.posted(posted),
            Happened::Sealed { block, place, agrees } => {
                let (tone, says) =
                    if *agrees { ("good", s.seal_agrees) } else { ("wrong", s.seal_differs) };
                let facts = vec![fact(s.block, format!("{block} · {place}"))];
                StepView { tone, says: vec![says.to_owned()], facts, ..titled(s.sealed) }
            }
            Happened::Held { rule, figure, limit } => {
                let mut facts = vec![fact(s.rule, hold_rule_name(rule, language))];
                facts.extend(figure.as_ref().map(|it| fact(s.figure, it)));
                facts.extend(limit.as_ref().map(|it| fact(s.limit, it)));
                StepView { tone: "wait", facts, ..titled(s.held) }
            }
            Happened::ReleaseProposed(said) => self.said(s.release_proposed, "wait", said),
            Happened::Released(said) => self.said(s.released, "good", said),
            Happened::HoldRejected(said) => self.said(s.hold_rejected, "wrong", said),
            Happened::Followed { key, name, kind, amount } => {
                let label = s.followed;
                let text = format!("{} · {name}", kind_name(kind, language));
                let href = path(StoryId::Event(*key));
                let facts = vec![
                    FactView { label: self.frame.w.event, text, href },
                    fact(self.frame.w.amount, sum_of(self.frame, amount)),
                ];
                StepView { facts, ..titled(label) }
            }
            Happened::Corrected { id } => {
                let may = self.visit.has(Role::Read) || self.visit.has(Role::Approve);
                let href = format!("/console/approvals/corrections/{id}");
                let href = if may { href } else { String::new() };
                let label = self.frame.w.correction;
                let facts = vec![FactView { label, text: id.to_string(), href }];
                StepView { tone: "wait", facts, ..titled(s.corrected) }
            }
            Happened::Differed { id, code, state, sums } => {
                let may = self.visit.has(Role::Reconcile) || self.visit.has(Role::Settle);
                let href = if may { format!("/console/breaks/{id}") } else { String::new() };
                let is_open = matches!(
                    state,
                    BreakState::Open | BreakState::Proposed | BreakState::AwaitingPartner
                );
                let (code, state) = (code_name(*code, language), state_name(*state, language));
                let facts = vec![
                    FactView { label: self.frame.w.kind, text: code.to_owned(), href },
                    fact(self.frame.w.state, state),
                    fact(self.frame.w.difference, super::break_list::difference(self.frame, *sums)),
                ];
                StepView { tone: if is_open { "wait" } else { "" }, facts, ..titled(s.differed) }
            }
            Happened::Told(message) => self.told(message),
            Happened::Moved(moved) => self.moved(moved),
            Happened::Read { reader_kind, reader, purpose } => {
                let who = if reader_kind == "program" { s.program } else { reader };
                let facts = vec![fact(s.by, who), fact(self.frame.w.reason, purpose)];
                StepView { facts, ..titled(s.read) }
            }
        };
        StepView { at: self.frame.figures.time(&step.at), ..view }
    }

    fn signed(&self, by: &SignedBy) -> StepView {
        let s = self.s;
        let facts = vec![
            fact(s.key, format!("{} ({})", by.kid, by.algorithm)),
            fact(s.thumbprint, &by.thumbprint),
            fact(s.signed_at, self.frame.figures.time(&by.signed_at)),
        ];
        StepView { tone: "good", facts, ..titled(s.signed) }
    }

    fn posted(&self, posted: &Posted) -> StepView {
        let (s, frame) = (self.s, self.frame);
        let mut facts = vec![fact(s.receipt, posted.transaction.to_string())];
        if !posted.marks.is_empty() {
            let marks = posted.marks.iter().map(|mark| mark_name(mark, frame.language));
            facts.push(fact(s.marked, marks.collect::<Vec<_>>().join("; ")));
        }
        let mut says: Vec<String> = posted
            .reasons
            .iter()
            .map(|it| frame.say(&it.says, &it.says_zh).to_owned())
            .filter(|says| !says.is_empty())
            .collect();
        if posted.entries.is_empty() {
            says.push(s.brought_nothing.to_owned());
        }
        let journal = posted.entries.iter();
        let journal = journal
            .map(|it| JournalLine::of(self.gateway, frame, &it.account, &it.amount, &it.rule));
        let title = format!("{}: {}", s.posted, kind_name(&posted.kind, frame.language));
        StepView {
            title,
            facts,
            says,
            journal: journal.collect(),
            has_more: posted.has_more,
            lots: posted.lots.iter().map(|lot| self.lot(lot)).collect(),
            ..StepView::default()
        }
    }

    fn lot(&self, lot: &LotNow) -> LotView {
        let s = self.s;
        let parts = [
            (s.pending, &lot.pending),
            (s.available, &lot.available),
            (s.on_hold, &lot.held),
            (s.redeemed, &lot.redeemed),
            (s.expired, &lot.expired),
            (s.owed, &lot.owed),
        ];
        let mut parts: Vec<FactView> = parts
            .into_iter()
            .filter(|(_label, amount)| !amount.is_zero())
            .map(|(label, amount)| fact(label, self.frame.figures.amount(amount)))
            .collect();
        parts.extend(lot.matures_at.map(|at| fact(s.matures, self.frame.figures.time(&at))));
        parts.extend(lot.expires_at.map(|at| fact(s.expires, self.frame.figures.time(&at))));
        LotView { parts }
    }

    fn said(&self, title: &'static str, tone: &'static str, said: &StaffSaid) -> StepView {
        let facts = vec![fact(self.s.by, &said.by), fact(self.frame.w.reason, &said.because)];
        StepView { tone, facts, ..titled(title) }
    }

    fn told(&self, message: &Message) -> StepView {
        let s = self.s;
        let to = destination_name(&message.destination, s);
        let (state, tone) = message_state(message.state, s);
        let mut facts = vec![
            fact(s.to, to),
            fact(self.frame.w.state, state),
            fact(s.attempts, message.attempts.to_string()),
        ];
        if tone != "good" {
            facts.extend(message.error.as_ref().map(|it| fact(s.error, it)));
        }
        let delivered = message.delivered_at.map(|at| self.frame.figures.time(&at));
        facts.extend(delivered.map(|at| fact(s.delivered, at)));
        let title = format!("{}: {}", s.told, kind_name(&message.kind, self.frame.language));
        StepView { title, tone, facts, ..StepView::default() }
    }

    fn moved(&self, moved: &Moved) -> StepView {
        let s = self.s;
        let by = match moved.actor_kind.as_str() {
            "program" => s.program.to_owned(),
            "partner" => self.frame.w.partner.to_owned(),
            "customer" => s.customer.to_owned(),
            "crm" => s.crm.to_owned(),
            _ => moved.actor.clone(),
        };
        let mut facts = vec![fact(s.by, by), fact(self.frame.w.reason, &moved.reason)];
        facts.extend(moved.finding.as_ref().map(|it| fact(s.finding, it)));
        let state = referral_state(moved.state, self.frame.language);
        StepView { title: format!("{}: {state}", s.moved), facts, ..StepView::default() }
    }
}

fn titled(title: &str) -> StepView {
    StepView { title: title.to_owned(), ..StepView::default() }
}

/// To whom a message goes.
pub fn destination_name(destination: &str, s: &StoryWords) -> String {
    match destination {
        "crm" => s.crm.to_owned(),
        "notice" => s.notice.to_owned(),
        "bank" => s.alarm.to_owned(),
        endpoint => format!("{} {endpoint}", s.endpoint),
    }
}

/// Where a message stands, and how that is marked.
pub fn message_state(state: &str, s: &'static StoryWords) -> (&'static str, &'static str) {
    match state {
        "waiting" => (s.is_waiting, "wait"),
        "delivered" => (s.is_delivered, "good"),
        "dead" => (s.is_dead, "wrong"),
        "superseded" => (s.is_superseded, ""),
        _ => (s.is_cancelled, ""),
    }
}
