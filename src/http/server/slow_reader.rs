//! A caller that asks and does not read what it is answered holds memory and a connection. So large
//! answers are handed to the connection in small slices, of which few wait at a time, and the system
//! closes a connection on which nothing could be sent for too long.

use std::any::Any;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::rt::net::TcpStream;
use actix_web::web::Bytes;

/// Bytes that are handed to the connection at once.
const SLICE_BYTES: usize = 16 * 1024;

/// Bounds how long sent data may stay unread on a new connection.
pub fn bound_writes(connection: &dyn Any, longest: Duration) {
    let plain = connection.downcast_ref::<TcpStream>();
    let secure = connection.downcast_ref::<TlsStream<TcpStream>>();
    let Some(socket) = plain.or_else(|| secure.map(|stream| stream.get_ref().0)) else { return };
    set_user_timeout(socket, longest);
}

/// TCP_USER_TIMEOUT (RFC 5482): it also counts while the caller's window is closed.
#[cfg(target_os = "linux")]
fn set_user_timeout(socket: &TcpStream, longest: Duration) {
    if let Err(error) = socket2::SockRef::from(socket).set_tcp_user_timeout(Some(longest)) {
        tracing::debug!(%error, "a connection has no bound on unread data");
    }
}

#[cfg(not(target_os = "linux"))]
fn set_user_timeout(_socket: &TcpStream, _longest: Duration) {}

/// Middleware: cuts answers that are whole in memory into slices.
///
/// # Errors
/// Those of the handler.
pub async fn answer_in_slices(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let response = next.call(request).await?.map_into_boxed_body();
    let (request, response) = response.into_parts();
    let (response, body) = response.into_parts();
    let body = match body.try_into_bytes() {
        Ok(whole) if whole.len() > SLICE_BYTES => BoxBody::new(Slices(whole)),
        Ok(small) => BoxBody::new(small),
        Err(streamed) => streamed,
    };
    Ok(ServiceResponse::new(request, response.set_body(body)))
}

/// What is left of an answer. All answers of one document share its bytes.
struct Slices(Bytes);

impl MessageBody for Slices {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(u64::try_from(self.0.len()).unwrap_or(u64::MAX))
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        let bytes = self.0.len().min(SLICE_BYTES);
        let slice = self.0.split_to(bytes);
        Poll::Ready((!slice.is_empty()).then_some(Ok(slice)))
    }
}
