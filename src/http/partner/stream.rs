//! A stream of events, one a line (NDJSON), of any length. Lines are read no faster than they are
//! recorded, and are answered in their order as they become durable. When the caller stops reading
//! the answers, the gateway stops reading lines. Memory is bounded by two groups of lines.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::future::FutureExt;
use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::Instrument;

use crate::clock;
use crate::event::{self, Malformed};
use crate::http::Gateway;
use crate::http::access::auth::{Caller, EventsWrite};
use crate::http::access::signature;
use crate::http::access::standing::Standing;
use crate::http::partner::events::outcome_members;
use crate::http::problem::{MEDIA_TYPE, Problem, SIGNATURE_MALFORMED, TIMEOUT, TOO_LARGE};
use crate::http::schemas::bodies::{StreamLine, StreamOutcome};
use crate::http::server::media;
use crate::http::server::open_streams::OpenStream;
use crate::http::server::paths::{BATCH_MAX, EVENT_BYTES_MAX};
use crate::intake::record;
use crate::partner::Partner;
use crate::program::Judging;
use crate::writer::{Outcome, Submission, WriteError};

const NDJSON: &str = "application/x-ndjson";
const PREFER: &str = "prefer";
const STREAM_UNSIGNED: &str = "What this partner sends must be signed, and a stream cannot be: its \
                               digest is known only at its end. Send signed batches.";

/// Lines that go to the writer together.
const LINES_AT_ONCE: usize = 200;
/// Lines for which a stream pays as a batch does: one request of the partner's rate.
const LINES_A_REQUEST: usize = BATCH_MAX;
/// How often an open stream asks whether its partner may go on, when no lines come.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a caller may send nothing, or read nothing of what it is answered.
const IDLE_MAX: Duration = Duration::from_secs(60);

/// A line as it came, or what is wrong with it.
struct Line {
    number: u64,
    read: Result<Vec<u8>, Problem>,
}

/// Events of any number, one a line, answered line by line as they become durable. A line that is
/// not taken fails no other. Interrupted, the whole is simply sent again: what was recorded is
/// answered with its first receipt.
#[utoipa::path(
    post, path = "/v1/events:stream", tag = "Events", security(("partner" = ["events:write"])),
    request_body(content((StreamLine = "application/x-ndjson"))),
    responses((
        status = 200, description = "An outcome a line, in order.",
        content((StreamOutcome = "application/x-ndjson")),
    ))
)]
pub async fn post_event_stream(
    caller: Caller<EventsWrite>,
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    body: web::Payload,
) -> Result<HttpResponse, Problem> {
    check(&caller.partner, request.headers())?;
    let open = gateway.streams.open(&caller.partner.id).ok_or_else(Problem::too_many_streams)?;
    let (groups, read) = mpsc::channel(1);
    let (answers, answered) = mpsc::channel::<web::Bytes>(1);
    actix_web::rt::spawn(read_lines(body, groups));
    let minimal = wants_minimal(request.headers());
    let Caller { partner, standing, .. } = caller;
    let recording = Recording {
        standing,
        partner,
        paid: LINES_A_REQUEST,
        minimal,
        open,
        ends_at: Instant::now() + gateway.stream_age_max,
        answered: 0,
        gateway,
    };
    actix_web::rt::spawn(recording.run(read, answers).in_current_span());
    let body = stream::unfold(answered, |mut answered| async {
        let next = answered.recv().await?;
        Some((Ok::<_, Infallible>(next), answered))
    });
    let mut response = HttpResponse::Ok();
    if minimal {
        response.insert_header(("preference-applied", "return=minimal"));
    }
    Ok(response.content_type(NDJSON).streaming(body))
}

/// Refuses a request that is no stream.
fn check(partner: &Partner, headers: &HeaderMap) -> Result<(), Problem> {
    signature::may_be_missing(partner, STREAM_UNSIGNED)?;
    if headers.contains_key("signature") || headers.contains_key("signature-input") {
        let detail = "A stream cannot be signed: its digest is known only at its end. Send signed \
                      batches, or leave the signature away.";
        return Err(Problem::new(&SIGNATURE_MALFORMED, detail));
    }
    let sent = media::content_type(headers)?;
    if sent.as_deref() != Some(NDJSON) || headers.contains_key(header::CONTENT_ENCODING) {
        return Err(Problem::new(&MEDIA_TYPE, "Send it as application/x-ndjson, not packed."));
    }
    Ok(())
}

/// Whether the caller prefers answers without receipts (RFC 7240).
fn wants_minimal(headers: &HeaderMap) -> bool {
    let named = headers.get_all(PREFER).filter_map(|value| value.to_str().ok());
    let mut preferences = named.flat_map(|value| value.split(','));
    preferences.any(|preference| {
        let name = preference.split(';').next().unwrap_or_default();
        name.trim().eq_ignore_ascii_case("return=minimal")
    })
}

/// Reads lines and passes them on in groups: whatever has come, without waiting for more.
async fn read_lines(mut body: web::Payload, groups: mpsc::Sender<Vec<Line>>) {
    let mut cut = Cut::default();
    loop {
        // The caller may be slow; nobody waits for it but this stream.
        let next = tokio::time::timeout(IDLE_MAX, body.next()).await;
        let mut group = Vec::new();
        let mut next = match next {
            Ok(next) => next,
            Err(_elapsed) => {
                let problem = Problem::new(&TIMEOUT, "Nothing came for too long.");
                let line = Line { number: cut.number.saturating_add(1), read: Err(problem) };
                let _gone = groups.send(vec![line]).await;
                return;
            }
        };
        loop {
            match next {
                Some(Ok(bytes)) => cut.add(&bytes, &mut group),
                // The connection broke: the last line is not whole, and nobody reads an answer.
                Some(Err(_torn)) => return,
                None => {
                    cut.end(&mut group);
                    for part in in_groups(group) {
                        if groups.send(part).await.is_err() {
                            return;
                        }
                    }
                    return;
                }
            }
            if group.len() >= LINES_AT_ONCE {
                break;
            }
            match body.next().now_or_never() {
                Some(more) => next = more,
                None => break,
            }
        }
        for part in in_groups(group) {
            if groups.send(part).await.is_err() {
                return;
            }
        }
    }
}

/// A piece of the body may hold more lines than one group does.
fn in_groups(mut lines: Vec<Line>) -> Vec<Vec<Line>> {
    let mut groups = Vec::new();
    while lines.len() > LINES_AT_ONCE {
        let rest = lines.split_off(LINES_AT_ONCE);
        groups.push(std::mem::replace(&mut lines, rest));
    }
    if !lines.is_empty() {
        groups.push(lines);
    }
    groups
}

/// Cuts a body into lines.
#[derive(Default)]
struct Cut {
    line: Vec<u8>,
    too_long: bool,
    /// The number of the previous line.
    number: u64,
}

impl Cut {
    fn add(&mut self, bytes: &[u8], lines: &mut Vec<Line>) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (piece, is_end) = match piece.strip_suffix(b"\n") {
                Some(rest) => (rest, true),
                None => (piece, false),
            };
            let room = EVENT_BYTES_MAX.saturating_sub(self.line.len());
            if piece.len() > room {
                self.too_long = true;
                self.line.clear();
            } else if !self.too_long {
                self.line.extend_from_slice(piece);
            }
            if is_end {
                self.end(lines);
            }
        }
    }

    /// Ends a line. An empty one says nothing, and is answered nothing.
    fn end(&mut self, lines: &mut Vec<Line>) {
        let line = std::mem::take(&mut self.line);
        let too_long = std::mem::take(&mut self.too_long);
        self.number = self.number.saturating_add(1);
        if too_long {
            let detail = format!("A line has at most {} bytes.", EVENT_BYTES_MAX);
            lines.push(Line { number: self.number, read: Err(Problem::new(&TOO_LARGE, detail)) });
        } else if !line.trim_ascii().is_empty() {
            lines.push(Line { number: self.number, read: Ok(line) });
        }
    }
}

struct Recording {
    gateway: web::Data<Gateway>,
    /// What the partner was let in by.
    standing: Standing,
    /// The partner as it was when it was looked at last.
    partner: Arc<Partner>,
    /// Lines that are paid for out of the partner's rate.
    paid: usize,
    /// Answers without receipts.
    minimal: bool,
    open: OpenStream,
    /// When the stream is too old.
    ends_at: Instant,
    /// The last line that was answered.
    answered: u64,
}

/// What a stream wakes up for.
enum Wake {
    Group(Vec<Line>),
    /// A second has passed: somebody may have stopped the partner.
    Look,
    /// The caller has sent everything.
    End,
}

impl Recording {
    async fn run(
        mut self,
        mut groups: mpsc::Receiver<Vec<Line>>,
        answers: mpsc::Sender<web::Bytes>,
    ) {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        loop {
            let wake = tokio::select! {
                biased;
                _ = looks.tick() => Wake::Look,
                group = groups.recv() => group.map_or(Wake::End, Wake::Group),
            };
            let answer = match wake {
                Wake::End => break,
                Wake::Look => match self.may_go_on() {
                    Ok(()) => continue,
                    Err(problem) => Err(problem),
                },
                Wake::Group(group) => match self.pay(group.len()).await {
                    Ok(()) => Ok(self.record(group).await),
                    Err(problem) => Err(problem),
                },
            };
            let (text, goes_on) = match answer {
                Ok(text) => (text, true),
                Err(problem) => {
                    let line = self.answered.saturating_add(1);
                    (self.outcome_line(line, &Err(problem)), false)
                }
            };
            let sent = tokio::time::timeout(IDLE_MAX, answers.send(text.into())).await;
            if !goes_on || !matches!(sent, Ok(Ok(()))) {
                break;
            }
        }
        drop(self.open);
    }

    /// A stream pays as batches do, and waits where they would be turned away. Before each payment
    /// it is asked whether the partner may go on.
    async fn pay(&mut self, lines: usize) -> Result<(), Problem> {
        loop {
            self.may_go_on()?;
            if self.paid >= lines {
                self.paid = self.paid.saturating_sub(lines);
                return Ok(());
            }
            let Partner { id, access, .. } = &*self.partner;
            let rate = access.requests_per_second;
            if self.gateway.limits.take(id, rate, clock::now()).is_ok() {
                self.paid = self.paid.saturating_add(LINES_A_REQUEST);
            } else {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }

    /// Token, scope, keys, binding and status are asked again, as with each request.
    fn may_go_on(&mut self) -> Result<(), Problem> {
        if Instant::now() >= self.ends_at {
            return Err(Problem::new(&TIMEOUT, "The stream is too old: open a new one."));
        }
        let partner = self.standing.check(&self.gateway, clock::now())?;
        signature::may_be_missing(&partner, STREAM_UNSIGNED)?;
        self.partner = partner;
        Ok(())
    }

    async fn record(&mut self, group: Vec<Line>) -> String {
        self.answered = group.last().map_or(self.answered, |line| line.number);
        let key = &self.gateway.keys.fingerprint;
        let mut submissions = Vec::with_capacity(group.len());
        let mut read = Vec::with_capacity(group.len());
        for line in group {
            let parsed = line.read.and_then(|bytes| {
                event::parse(&self.partner.id, &self.partner.limits, &bytes, key)
                    .map_err(|malformed: Malformed| malformed.into())
            });
            let refused = match parsed {
                Ok(event) => {
                    let partner = Arc::clone(&self.partner);
                    submissions.push(Submission {
                        partner,
                        event,
                        signed: None,
                        judging: Judging::InForce,
                    });
                    None
                }
                Err(problem) => Some(problem),
            };
            read.push((line.number, refused));
        }
        let answers = if submissions.is_empty() {
            Vec::new()
        } else {
            record(&self.gateway.books(&self.partner).writer, submissions).await
        };
        let mut answers = answers.into_iter();
        let (mut text, mut is_logged) = (String::new(), false);
        for (number, refused) in read {
            let outcome = match refused {
                Some(problem) => Err(problem),
                None => answers.next().unwrap_or(Err(WriteError::Stopped)).map_err(Problem::from),
            };
            text.push_str(&self.outcome_line(number, &outcome));
            is_logged = is_logged || outcome.is_err_and(|problem| problem.log_cause());
        }
        text
    }

    fn outcome_line(&self, number: u64, outcome: &Result<Outcome, Problem>) -> String {
        format!("{{\"line\":{number},{}}}\n", outcome_members(outcome, !self.minimal))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(pieces: &[&[u8]]) -> Vec<(u64, Result<String, u16>)> {
        let (mut cut, mut lines) = (Cut::default(), Vec::new());
        pieces.iter().for_each(|piece| cut.add(piece, &mut lines));
        cut.end(&mut lines);
        let told = |line: Line| {
            let read = line.read.map(|bytes| String::from_utf8(bytes).unwrap());
            (line.number, read.map_err(|problem| problem.status().as_u16()))
        };
        lines.into_iter().map(told).collect()
    }

    #[test]
    fn lines_are_cut_wherever_the_pieces_end() {
        let whole = cut(&[b"{\"a\":1}\n\n{\"b\":2}\r\n{\"c\":3}"]);
        assert_eq!(whole.iter().map(|line| line.0).collect::<Vec<_>>(), [1, 3, 4]);
        assert_eq!(cut(&[b"{\"a\"", b":1}", b"\n", b"\n{\"b\":2}\r\n{\"c", b"\":3}"]), whole);
        assert_eq!(cut(&[b""]), []);
    }

    #[test]
    fn a_line_that_is_too_long_fails_no_other() {
        let long = vec![b'x'; EVENT_BYTES_MAX + 1];
        let lines = cut(&[b"a\n", &long, b"yy", b"\nb\n", &long[1..], b"\n"]);
        assert_eq!(lines.len(), 4);
        assert_eq!((lines[1].clone(), &lines[2].1), ((2, Err(413)), &Ok("b".to_owned())));
        assert!(lines[3].1.is_ok());
    }

    #[test]
    fn groups_are_never_longer_than_one() {
        let line = |number| Line { number, read: Ok(Vec::new()) };
        let sizes = |count: u64| {
            in_groups((0..count).map(line).collect()).iter().map(Vec::len).collect::<Vec<_>>()
        };
        assert_eq!(sizes(450), [200, 200, 50]);
        assert_eq!(sizes(200), [200]);
        assert_eq!(sizes(0), [0_usize; 0]);
    }
}
