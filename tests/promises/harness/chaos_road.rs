use std::collections::BTreeMap;
use std::io::Write;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::crm::{forward, read_request};

/// A road to the CRM on which some requests of a hundred go wrong, chosen by a seed. The CRM may be
/// killed meanwhile.
pub struct ChaosRoad {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    there: String,
    /// Requests of a hundred that go wrong.
    faults: u64,
    seed: AtomicU64,
    happened: Mutex<BTreeMap<&'static str, usize>>,
}

impl ChaosRoad {
    pub fn to(crm_url: &str, seed: u64, faults: u64) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            there: crm_url.replace("http://", ""),
            faults,
            seed: AtomicU64::new(seed),
            happened: Mutex::default(),
        });
        let road = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let road = Arc::clone(&road);
                std::thread::spawn(move || road.pass(stream));
            }
        });
        Self { port, shared }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How often each fault happened.
    pub fn happened(&self) -> BTreeMap<&'static str, usize> {
        self.shared.happened.lock().unwrap().clone()
    }
}

impl Shared {
    /// The seed's next number, below `max` (splitmix64).
    fn number(&self, max: u64) -> u64 {
        let step = 0x9e37_79b9_7f4a_7c15_u64;
        let mut z = self.seed.fetch_add(step, Ordering::Relaxed).wrapping_add(step);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % max
    }

    fn count(&self, what: &'static str) {
        *self.happened.lock().unwrap().entry(what).or_default() += 1;
    }

    /// One request and its answer. A client that hangs up early is done. No request is delayed before
    /// the CRM gets it, because no client can know of a request that a network keeps longer than the
    /// client waits.
    fn pass(&self, mut here: TcpStream) -> Option<()> {
        let request = read_request(&mut here)?;
        let instead = |here: &mut TcpStream, head: &str| {
            let answer =
                format!("HTTP/1.1 {head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            here.write_all(answer.as_bytes()).ok()
        };
        let goes_wrong = self.number(100) < self.faults;
        if !goes_wrong {
            let Some(answer) = forward(&request, &self.there) else {
                self.count("CRM down");
                return None;
            };
            return here.write_all(&answer).ok();
        }
        match self.number(6) {
            0 => {
                self.count("500 instead");
                instead(&mut here, "500 X")
            }
            1 => {
                self.count("429");
                instead(&mut here, "429 X\r\nRetry-After: 1")
            }
            2 => {
                self.count("500 after it was done");
                forward(&request, &self.there)?;
                instead(&mut here, "500 X")
            }
            3 => {
                self.count("cut in the answer");
                let answer = forward(&request, &self.there)?;
                here.write_all(&answer[..answer.len() / 2]).ok()?;
                here.shutdown(Shutdown::Both).ok()
            }
            4 => {
                self.count("slow");
                let answer = forward(&request, &self.there)?;
                std::thread::sleep(Duration::from_millis(500 + self.number(2500)));
                here.write_all(&answer).ok()
            }
            _ => {
                self.count("cut before it came");
                here.shutdown(Shutdown::Both).ok()
            }
        }
    }
}
