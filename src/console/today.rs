//! What needs a person, in the order in which it waits.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::break_list::BreakRow;
use super::break_words::action_name;
use super::decision_words::DecisionWords;
use super::page::{self, Frame, Part};
use super::task_words::TaskWords;
use super::visit::Visit;
use crate::clock;
use crate::http::Gateway;
use crate::http::access::staff::Role;
use crate::http::pages::forms::see_other;
use crate::http::problem::Problem;
use crate::worklist::{self, AGES, Due, DueAt, DueBoard, Pile, WorkScope};

#[derive(Template)]
#[template(path = "today.html", config = "src/http/askama.toml")]
struct Page {
    frame: Frame,
    today: String,
    piles: Vec<PileRow>,
    /// Whether any role of the person has work here.
    has_work: bool,
    due: Vec<DueRow>,
    ages: Vec<AgeRow>,
}

/// Something with a day by which somebody should have decided.
struct DueRow {
    href: String,
    name: String,
    kind: String,
    partner: String,
    difference: String,
    due: String,
    is_overdue: bool,
}

/// Open breaks of one age.
struct AgeRow {
    label: String,
    count: usize,
    /// In hundredths of the longest bar.
    share: usize,
}

struct PileRow {
    href: &'static str,
    label: &'static str,
    count: String,
    oldest: String,
    apart: String,
}

const DUE_MAX: usize = 10;

/// `GET /console`.
pub async fn get_console() -> HttpResponse {
    see_other("/console/today")
}

/// `GET /console/today`.
pub async fn get_today(
    visit: Visit,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let frame = Frame::open(&request, &gateway, &visit, Part::Today).await?;
    let list = &frame.worklist;
    let (w, d) = (frame.w, DecisionWords::of(frame.language));
    let rows = [
        ("/console/approvals", w.proposals_wait, &list.proposals),
        ("/console/approvals/corrections", w.corrections_wait, &list.corrections),
        ("/console/approvals/held", d.held_wait, &list.held),
        ("/console/approvals/referrals", d.referrals_wait, &list.referrals),
        ("/console/approvals/bank", d.bank, &list.bank),
        ("/console/tasks", TaskWords::of(frame.language).tasks_wait, &list.tasks),
        ("/console/settlement", w.closes_wait, &list.closes),
        ("/console/breaks", w.breaks_open, &list.breaks),
        ("/console/breaks?state=awaiting_partner", w.breaks_asked, &list.asked),
    ];
    let has_work = rows.iter().any(|(_href, _label, pile)| pile.is_some());
    let piles = rows.into_iter().filter_map(|(href, label, pile)| {
        let pile = pile.as_ref().filter(|pile| pile.count > 0)?;
        Some(PileRow::of(&frame, href, label, pile))
    });
    let piles = piles.collect();
    let board = board(&visit, &gateway).await?;
    let due = board.next.iter().map(|it| DueRow::of(&gateway, &frame, it));
    let due = due.collect::<Result<_, _>>()?;
    let ages = ages(&frame, &board);
    let today = frame.figures.day(&frame.now.day_in(frame.zone));
    page::show(&request, StatusCode::OK, &Page { today, frame, piles, has_work, due, ages })
}

async fn board(visit: &Visit, gateway: &Gateway) -> Result<DueBoard, Problem> {
    let scope = WorkScope {
        breaks: visit.has(Role::Reconcile),
        proposals: visit.has(Role::Settle),
        corrections: false,
        decisions: false,
        tasks: false,
    };
    let who = visit.id().clone();
    let at = DueAt { now: clock::now(), zone: gateway.time_zone, rows_max: DUE_MAX };
    Ok(gateway.main.ask_or(move |db| worklist::due(&who, db, scope, at)).await?)
}

/// Open breaks by age; nothing where there are none.
fn ages(frame: &Frame, board: &DueBoard) -> Vec<AgeRow> {
    let most = board.ages.iter().copied().max().unwrap_or(0);
    if most == 0 {
        return Vec::new();
    }
    let mut from = 0_i64;
    let mut rows = Vec::new();
    for (place, count) in board.ages.iter().copied().enumerate() {
        let label = match AGES.get(place) {
            Some(1) => frame.w.age_today.to_owned(),
            Some(days) => format!("{from}–{} {}", days.saturating_sub(1), frame.w.age_days),
            None => format!("{from}+ {}", frame.w.age_days),
        };
        from = AGES.get(place).copied().unwrap_or(from);
        let share = count.saturating_mul(100).checked_div(most).unwrap_or(0);
        rows.push(AgeRow { label, count, share });
    }
    rows
}

impl DueRow {
    fn of(gateway: &Gateway, frame: &Frame, due: &Due) -> Result<Self, Problem> {
        let (on, d) = (due.on(frame.zone), DecisionWords::of(frame.language));
        let own = |row: BreakRow, kind: String| Self {
            href: row.href,
            name: row.name,
            kind,
            partner: row.partner,
            difference: row.difference,
            due: frame.figures.day(&on),
            is_overdue: on < frame.now.day_in(frame.zone),
        };
        Ok(match due {
            Due::Break(found) => {
                let row = BreakRow::of(gateway, frame, found)?;
                let kind = row.kind.to_owned();
                own(row, kind)
            }
            Due::Proposal(waiting) => {
                let row = BreakRow::of(gateway, frame, &waiting.found)?;
                let action = action_name(waiting.proposal.action, frame.language);
                own(row, format!("{}: {action}", frame.w.proposal))
            }
            Due::Bank(detail) => {
                let row = super::bank_breaks::Row::of(frame, detail);
                Self {
                    href: row.href,
                    name: if row.payout.is_empty() { d.entry.to_owned() } else { row.payout },
                    kind: row.kind.to_owned(),
                    partner: String::new(),
                    difference: row.amount,
                    due: row.due,
                    is_overdue: row.is_overdue,
                }
            }
        })
    }
}

impl PileRow {
    fn of(frame: &Frame, href: &'static str, label: &'static str, pile: &Pile) -> Self {
        let more = if pile.has_more { "+" } else { "" };
        let oldest = pile.oldest.map(|at| frame.figures.age(&at, &frame.now));
        Self {
            href,
            label,
            count: format!("{}{more}", pile.count),
            oldest: oldest.unwrap_or_default(),
            apart: match pile.apart.is_zero() {
                true => "–".to_owned(),
                false => frame.figures.amount(&pile.apart),
            },
        }
    }
}
