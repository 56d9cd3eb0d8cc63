//! One month of a partner: the list of what is to be done, the close, the statement, the payout.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::break_words::{code_name, state_name};
use super::page::{self, Frame, Part};
use super::settlement::{path, read_month};
use super::settlement_words::{close_name, payout_name};
use super::sign_in::fresh_path;
use super::visit::Visit;
use crate::clock;
use crate::http::Gateway;
use crate::http::access::staff::Role;
use crate::http::pages::figures::grouped;
use crate::http::problem::Problem;
use crate::reconcile::bank::state::PayoutState;
use crate::reconcile::month_board::{self, CloseState, MonthBoard, MonthClose};
use crate::reconcile::payouts::PayoutHistory;
use crate::reconcile::statement_lines::KeptLine;

#[derive(Template)]
#[template(path = "settlement_month.html", config = "src/http/askama.toml")]
struct Page {
    frame: Frame,
    path: String,
    partner: String,
    month: String,
    state: &'static str,
    is_waiting: bool,
    steps: Vec<Step>,
    open: Vec<OpenBreaks>,
    close: Option<Close>,
    payout: Option<Payout>,
    acts: Acts,
    fresh_href: String,
}

/// A step towards the payout.
struct Step {
    label: &'static str,
    is_done: bool,
    says: String,
}

struct OpenBreaks {
    href: String,
    name: String,
    count: i64,
}

struct Close {
    statement_no: String,
    sha256: String,
    proposed: String,
    decided: String,
    lines: Vec<Line>,
    sum: String,
    payout: String,
    payee: String,
}

struct Line {
    says: String,
    entries: String,
    amount: String,
}

struct Payout {
    state: &'static str,
    message_id: String,
    amount: String,
    moves: Vec<String>,
}

/// What this person may do on this page now.
#[derive(Default)]
struct Acts {
    compare: bool,
    propose: bool,
    decide: bool,
    order: bool,
    is_own: bool,
    is_stale: bool,
    download: bool,
    signed: bool,
}

/// `GET /console/settlement/{partner}/{period}`.
pub async fn get_month(
    visit: Visit,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (order, partner) = read_month(&gateway, &request)?;
    let (asked, now) = (order.clone(), clock::now());
    let board = gateway.main.ask_or(move |db| month_board::read(db, &asked, now)).await?;
    let frame = Frame::open(&request, &gateway, &visit, Part::Settlement).await?;
    let state = board.close.as_ref().map(|close| &close.state);
    let is_fresh = visit.is_fresh(&gateway, now);
    let language = frame.language;
    let open = board.undecided.iter().map(|it| OpenBreaks {
        href: format!(
            "/console/breaks?state={}&code={}&partner={}&period={}",
            it.state.name(),
            it.code.name(),
            order.partner,
            order.period
        ),
        name: format!("{} ({})", code_name(it.code, language), state_name(it.state, language)),
        count: it.count,
    });
    let path = path(&order.partner, order.period);
    let page = Page {
        partner: partner.name.clone(),
        month: frame.figures.month(order.period.first_day()),
        state: close_name(state, frame.language),
        is_waiting: state == Some(&CloseState::Proposed),
        steps: steps(&frame, &board),
        open: open.collect(),
        acts: Acts::of(&visit, &board, is_fresh),
        close: board.close.as_ref().map(|close| Close::of(&frame, close)),
        payout: board.payout.as_ref().map(|payout| Payout::of(&frame, payout)),
        fresh_href: fresh_path(&path),
        path,
        frame,
    };
    page::show(&request, StatusCode::OK, &page)
}

fn steps(frame: &Frame, board: &MonthBoard) -> Vec<Step> {
    let (w, figures) = (frame.w, frame.figures);
    let files = board.files.iter().map(|file| {
        let name = file.file_name.as_deref().unwrap_or("–");
        let lines = grouped(&file.lines.to_string());
        format!("{name} ({lines} {})", w.lines)
    });
    let files: Vec<String> = files.collect();
    let run = board.last_run.as_ref().map(|run| {
        let (matched, lines) = (grouped(&run.matched.to_string()), grouped(&run.lines.to_string()));
        format!(
            "{matched} / {lines} {} · {}, {}",
            w.lines_agree,
            run.by.as_str(),
            figures.time(&run.at)
        )
    });
    let undecided = board.undecided.iter().fold(0_i64, |sum, it| sum.saturating_add(it.count));
    let close = board.close.as_ref();
    let closed = match close.map(|close| &close.state) {
        Some(CloseState::Closed { by, at }) => {
            Some(format!("{}, {}", by.as_str(), figures.time(at)))
        }
        Some(CloseState::Proposed | CloseState::Rejected { .. }) | None => None,
    };
    let paid = board.payout.as_ref().map(|it| it.payout.state);
    let step = |label, is_done, says: String| Step { label, is_done, says };
    let mut steps = vec![
        step(w.month_over, board.is_over, String::new()),
        step(w.statement_came, !files.is_empty(), files.join(", ")),
        step(w.compared, run.is_some(), run.unwrap_or_default()),
        step(
            w.breaks_decided,
            undecided == 0,
            match undecided {
                0 => String::new(),
                left => format!("{left} {}", w.undecided),
            },
        ),
    ];
    if let Some(before) = board.before {
        steps.push(step(w.before_closed, false, figures.month(before.first_day())));
    }
    steps.push(step(w.month_closed, closed.is_some(), closed.unwrap_or_default()));
    let state = paid.map_or("", |state| payout_name(state, frame.language)).to_owned();
    steps.push(step(w.is_paid, paid == Some(PayoutState::Paid), state));
    steps
}

impl Acts {
    fn of(visit: &Visit, board: &MonthBoard, is_fresh: bool) -> Self {
        let (reconciles, settles) = (visit.has(Role::Reconcile), visit.has(Role::Settle));
        let state = board.close.as_ref().map(|close| &close.state);
        let is_closed = matches!(state, Some(CloseState::Closed { .. }));
        let waits = state == Some(&CloseState::Proposed);
        let by = board.close.as_ref().map(|close| &close.proposed_by);
        let is_own = waits && by.is_some_and(|by| by.is_same_person(visit.id()));
        let is_open = board.payout.as_ref().is_none_or(|it| it.payout.state.is_open());
        let owes = board.close.as_ref().is_some_and(|close| {
            let payout = close.statement.payout.as_str();
            !payout.starts_with('-') && payout.bytes().any(|digit| (b'1'..=b'9').contains(&digit))
        });
        Self {
            compare: reconciles && !board.files.is_empty() && !is_closed,
            propose: reconciles && board.is_over && board.before.is_none() && !waits && !is_closed,
            decide: settles && waits && !is_own,
            order: settles && is_closed && is_open && owes,
            is_own,
            is_stale: settles && !is_fresh,
            download: board.close.is_some(),
            signed: is_closed,
        }
    }
}

impl Close {
    fn of(frame: &Frame, close: &MonthClose) -> Self {
        let figures = frame.figures;
        let statement = &close.statement;
        let decided = match &close.state {
            CloseState::Proposed => String::new(),
            CloseState::Closed { by, at } | CloseState::Rejected { by, at } => {
                format!("{}, {}", by.as_str(), figures.time(at))
            }
        };
        let payee = statement.payee.as_ref();
        Self {
            statement_no: statement.statement_no.clone(),
            sha256: close.sha256.to_string(),
            proposed: format!(
                "{}, {}",
                close.proposed_by.as_str(),
                figures.time(&close.proposed_at)
            ),
            decided,
            lines: statement.lines.iter().map(|line| Line::of(frame, line)).collect(),
            sum: grouped(&statement.sum),
            payout: grouped(&statement.payout),
            payee: payee.map_or_else(String::new, |it| format!("{} · {}", it.holder, it.number)),
        }
    }
}

impl Line {
    fn of(frame: &Frame, line: &KeptLine) -> Self {
        let entries = match line.entries {
            0 => String::new(),
            entries => grouped(&entries.to_string()),
        };
        Self {
            says: frame.say(&line.says, &line.says_zh).to_owned(),
            entries,
            amount: grouped(&line.amount),
        }
    }
}

impl Payout {
    fn of(frame: &Frame, history: &PayoutHistory) -> Self {
        let figures = frame.figures;
        let payout = &history.payout;
        let first = (PayoutState::Ordered, &payout.ordered_by, &payout.ordered_at);
        let later = history.moves.iter().map(|step| (step.state, &step.by, &step.at));
        let moves = std::iter::once(first).chain(later).map(|(state, by, at)| {
            format!(
                "{} · {}, {}",
                payout_name(state, frame.language),
                by.as_str(),
                figures.time(at)
            )
        });
        Self {
            state: payout_name(payout.state, frame.language),
            message_id: payout.message_id.clone(),
            amount: figures.amount(&payout.amount),
            moves: moves.collect(),
        }
    }
}
