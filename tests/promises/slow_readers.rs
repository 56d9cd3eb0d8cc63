//! Whoever asks and does not read is given up on, and holds little until then.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::harness::{Store, Trial};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_whose_answers_are_not_read_is_closed() {
    let mut trial = Trial::on(Store::Sqlite);
    trial.settings.write_seconds = 2;
    trial
        .run(async |app| {
            let address = app.url().trim_start_matches("http://").to_owned();
            let closed = tokio::task::spawn_blocking(move || {
                let mut connection = TcpStream::connect(address).unwrap();
                let ask = "GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n";
                // More than the system's buffers hold.
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
