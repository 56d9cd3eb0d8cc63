//! Whoever asks and does not read is given up on, and holds little until then.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::harness::{Store, Trial};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_whose_answers_are_not_read_is_closed() {
    let mut trial = Trial::on(Store::Sqlite);
    trial.settings.write_seconds = 2;
    trial
        .run(async |app| {
            let address = app.url().trim_start_matches("http://").to_owned();
            let closed = tokio::task::spawn_blocking(move || {
                let mut connection = connect_with_small_window(address.parse().unwrap());
                let ask = "GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n";
                // More than both sides' buffers hold.
                connection.write_all(ask.repeat(60).as_bytes()).unwrap();
                let started = Instant::now();
                // Asking goes on until the other side is gone.
                while started.elapsed() < Duration::from_secs(60) {
                    std::thread::sleep(Duration::from_millis(200));
                    if connection.write_all(b"\r\n").is_err() {
                        return true;
                    }
                }
                let mut rest = Vec::new();
                connection.read_to_end(&mut rest).is_err()
            });
            assert!(closed.await.unwrap(), "still open");
        })
        .await;
}

/// A fixed window. Left to itself, the system may take in all answers without anybody reading them.
fn connect_with_small_window(address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    socket.connect(&address.into()).unwrap();
    socket.into()
}
