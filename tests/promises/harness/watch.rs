//! Ends the whole run when one test never ends. Without it, a run that hangs says nothing of where.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

/// The slowest test takes about three minutes on a busy machine.
const LIMIT: Duration = Duration::from_secs(900);

static RUNNING: Mutex<BTreeMap<String, Instant>> = Mutex::new(BTreeMap::new());

/// A test under watch. The watch ends when this value is dropped.
pub struct Watched {
    name: String,
}

impl Watched {
    /// The test of this thread, which the test runner names.
    pub fn this_test() -> Self {
        static START: Once = Once::new();
        START.call_once(|| {
            std::thread::spawn(watch);
        });
        let name = std::thread::current().name().unwrap_or("main").to_owned();
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), Instant::now());
        Self { name }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
    }
}

fn watch() {
    loop {
        std::thread::sleep(Duration::from_secs(5));
        let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let late: Vec<_> = running.iter().filter(|(_, since)| since.elapsed() > LIMIT).collect();
        if !late.is_empty() {
            let names: Vec<_> = late.iter().map(|(name, _)| name.as_str()).collect();
            // The test runner keeps what the macros print, and never shows it after an exit.
            let _written = writeln!(
                std::io::stderr(),
                "given up after {} s: {}",
                LIMIT.as_secs(),
                names.join(", ")
            );
            std::process::exit(101);
        }
    }
}
