//! What operators look after: deliveries that wait, messages that were given up, keys, and the settings in
//! force without their secrets.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::lists::Query;
use super::operations_words::OperationsWords;
use super::page::{self, Frame, Part};
use super::sign_in::Nothing;
use super::story_links;
use super::story_page::{FactView, destination_name};
use super::story_words::{StoryWords, kind_name};
use super::visit::{Sent, Visit, flow};
use crate::http::Gateway;
use crate::http::pages::figures::grouped;
use crate::http::pages::forms::see_other;
use crate::http::problem::Problem;
use crate::http::server::page::Place;
use crate::ids::MessageId;
use crate::outbox::board;
use crate::outbox::replay::{Replayed, ReplayedBy, replay};

const ROWS: u16 = 50;
const PATH: &str = "/console/operations";

#[derive(Template)]
#[template(path = "operations.html", config = "src/http/askama.toml")]
struct Page {
    frame: Frame,
    o: &'static OperationsWords,
    queues: Vec<QueueRow>,
    letters: Vec<LetterRow>,
    next: String,
    keys: Vec<KeyRow>,
    settings: Vec<FactView>,
}

struct QueueRow {
    destination: String,
    waiting: String,
    dead: String,
    oldest: String,
}

struct LetterRow {
    id: String,
    kind: String,
    destination: String,
    queued: String,
    attempts: String,
    error: String,
    story: String,
}

struct KeyRow {
    id: String,
    used_for: &'static str,
    state: &'static str,
    from: String,
    until: String,
}

/// `GET /console/operations`.
pub async fn get_operations(
    visit: Visit,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    query: web::Query<Query>,
) -> Result<HttpResponse, Problem> {
    let place =
        Place::read(Some(ROWS), query.cursor.as_deref(), |cursor| cursor.parse::<i64>().ok())?;
    let (after, rows_max) = (place.after.unwrap_or(0), place.rows_max());
    let read = move |db: &mut _| Ok((board::queues(db)?, board::given_up(db, after, rows_max)?));
    let (queues, mut letters) = gateway.main.ask(read).await?;
    let next = place.cut(&mut letters, |last| last.position.to_string());
    let frame = Frame::open(&request, &gateway, &visit, Part::Operations).await?;
    let s = StoryWords::of(frame.language);
    let o = OperationsWords::of(frame.language);
    let may_read = story_links::may_read(&visit);
    let letters = letters.iter().map(|it| LetterRow {
        id: it.id.to_string(),
        kind: kind_name(&it.kind, frame.language),
        destination: destination_name(&it.destination.to_string(), s),
        queued: frame.figures.time(&it.recorded_at),
        attempts: it.attempts.to_string(),
        error: it.last_error.clone().unwrap_or_default(),
        story: match board::story_of(it) {
            Some(story) if may_read => story_links::path(story),
            Some(_) | None => String::new(),
        },
    });
    let letters = letters.collect();
    let queues = queues.iter().map(|it| QueueRow {
        destination: destination_name(&it.destination, s),
        waiting: it.waiting.to_string(),
        dead: it.dead.to_string(),
        oldest: it.oldest.map_or_else(String::new, |at| frame.figures.time(&at)),
    });
    let page = Page {
        queues: queues.collect(),
        letters,
        next: next.map_or_else(String::new, |next| format!("{PATH}?cursor={next}")),
        keys: keys(&gateway, &frame, o),
        settings: settings(&gateway, o)?,
        o,
        frame,
    };
    page::show(&request, StatusCode::OK, &page)
}

/// `POST /console/operations/messages/{message}/replay`.
pub async fn post_replay(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    sent: Sent<Nothing>,
) -> Result<HttpResponse, Problem> {
    let id = request.match_info().get("message").unwrap_or_default();
    let id = MessageId::try_from(id).map_err(|_other| Problem::not_found())?;
    match replay(ReplayedBy::Staff(sent.visit.id()), &gateway.main, id).await? {
        Replayed::Waiting(_) => Ok(see_other(PATH)),
        Replayed::NotDead(state) => Err(Problem::not_dead(state.name())),
        Replayed::Unknown => Err(Problem::not_found()),
    }
}

fn keys(gateway: &Gateway, frame: &Frame, o: &'static OperationsWords) -> Vec<KeyRow> {
    let personal = &gateway.keys.personal;
    let plain = |id: String, used_for, state| KeyRow {
        id,
        used_for,
        state,
        from: String::new(),
        until: String::new(),
    };
    let (sealing, index) = (personal.key_id(), personal.index_id());
    let mut rows = Vec::new();
    for id in personal.key_ids() {
        let state = if id == sealing { o.in_use } else { o.opens_only };
        rows.push(plain(id, o.sealing, state));
    }
    for id in personal.index_ids() {
        let state = if id == index { o.in_use } else { o.finds_only };
        rows.push(plain(id, o.index, state));
    }
    let all = gateway.keys.token.all();
    let begun = |from: Option<crate::clock::Moment>| from.is_none_or(|from| from <= frame.now);
    let signs = all.iter().rev().find(|key| begun(key.from)).map(|key| key.kid.clone());
    for key in all.iter() {
        let state = if Some(&key.kid) == signs.as_ref() {
            o.in_use
        } else if !begun(key.from) {
            o.next
        } else {
            o.ended
        };
        let time = |at: Option<crate::clock::Moment>| at.map(|at| frame.figures.time(&at));
        rows.push(KeyRow {
            id: key.kid.clone(),
            used_for: o.signing,
            state,
            from: time(key.from).unwrap_or_else(|| o.always.to_owned()),
            until: time(key.until).unwrap_or_default(),
        });
    }
    rows
}

fn settings(gateway: &Gateway, o: &'static OperationsWords) -> Result<Vec<FactView>, Problem> {
    let flow = flow(gateway)?;
    let minutes = |span: chrono::TimeDelta| format!("{} {}", span.num_minutes(), o.minutes);
    let megabytes = gateway.unpacked_bytes_max.checked_div(1024 * 1024).unwrap_or(0);
    Ok(vec![
        FactView::plain(o.version, env!("CARGO_PKG_VERSION")),
        FactView::plain(o.address, gateway.issuer.clone()),
        FactView::plain(o.zone, gateway.time_zone.name()),
        FactView::plain(o.idle, minutes(flow.times.idle)),
        FactView::plain(o.longest, minutes(flow.times.longest)),
        FactView::plain(o.fresh, minutes(flow.fresh)),
        FactView::plain(o.rate, grouped(&gateway.staff_rate.to_string())),
        FactView::plain(o.unpacked, format!("{megabytes} MiB")),
        FactView::plain(o.sandbox, if gateway.has_sandbox() { o.apart } else { o.together }),
    ])
}
