//! A caller that sends a body slowly holds a connection. So a body may keep the gateway waiting for
//! some seconds, and for a second more with each KiB. Only the time in which the gateway waits
//! counts, not the time in which the sender waits for the gateway.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::HttpMessage;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::{ConnectionType, StatusCode, header};
use actix_web::middleware::Next;
use actix_web::web::{self, Bytes};
use futures_util::Stream;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::http::Gateway;
use crate::http::problem::{MEDIA_TYPE, Problem};

/// Bytes a second that a body must bring in the long run.
const BYTES_PER_SECOND: u64 = 1_024;

/// Middleware: ends requests whose bodies come too slowly with 408, and takes none that is encoded:
/// what is small here could be huge when decoded.
///
/// # Errors
/// None of its own.
pub async fn await_bodies(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let encoding = request.headers().get(header::CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        let detail = "Send the body without Content-Encoding.";
        return Ok(request.error_response(Problem::new(&MEDIA_TYPE, detail)));
    }
    let payload = request.take_payload();
    if matches!(payload, Payload::None) {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    let patience = request
        .app_data::<web::Data<Gateway>>()
        .map_or(Duration::ZERO, |gateway| gateway.body_patience);
    let late = Rc::new(Cell::new(false));
    let body = Body { payload, patience, received: 0, waiting: None, late: Rc::clone(&late) };
    request.set_payload(Payload::Stream { payload: Box::pin(body) });
    let response = next.call(request).await?.map_into_boxed_body();
    if !late.get() || response.status().is_success() {
        return Ok(response);
    }
    let mut response = response.error_response(Problem::of_status(StatusCode::REQUEST_TIMEOUT));
    response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    Ok(response)
}

struct Body {
    payload: Payload,
    /// How long the body may still keep the gateway waiting.
    patience: Duration,
    /// Bytes for which no time was given yet.
    received: u64,
    /// Since when we wait, and until when we shall.
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
    /// Whether the body took too long.
    late: Rc<Cell<bool>>,
}

impl Stream for Body {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let body = self.get_mut();
        if body.late.get() {
            return Poll::Ready(None);
        }
        match Pin::new(&mut body.payload).poll_next(cx) {
            Poll::Ready(part) => {
                if let Some((since, _until)) = body.waiting.take() {
                    body.patience = body.patience.saturating_sub(since.elapsed());
                }
                if let Some(Ok(bytes)) = &part {
                    let bytes = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                    body.received = body.received.saturating_add(bytes);
                    let earned = Duration::from_secs(body.received.div_euclid(BYTES_PER_SECOND));
                    body.patience = body.patience.saturating_add(earned);
                    body.received = body.received.rem_euclid(BYTES_PER_SECOND);
                }
                Poll::Ready(part)
            }
            Poll::Pending => {
                let now = Instant::now();
                let until = now.checked_add(body.patience).unwrap_or(now);
                let (_since, sleep) =
                    body.waiting.get_or_insert_with(|| (now, Box::pin(sleep_until(until))));
                match sleep.as_mut().poll(cx) {
                    Poll::Pending => Poll::Pending,
                    Poll::Ready(()) => {
                        body.late.set(true);
                        let late = std::io::Error::from(std::io::ErrorKind::TimedOut);
                        Poll::Ready(Some(Err(PayloadError::Io(late))))
                    }
                }
            }
        }
    }
}
