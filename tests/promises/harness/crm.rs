use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tallystick::cli::demo::tryton::{TrytonPlace, TrytonServer};
use tallystick::crm::{Crm, Tryton};
use tallystick::settings::CrmSettings;
use tempfile::TempDir;

use super::Answer;

/// A Tryton server with a database of its own in this folder.
pub fn start_crm(folder: &Path) -> TrytonServer {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools");
    TrytonServer::start(TrytonPlace {
        venv: tools.join("venv"),
        template: tools.join("tryton"),
        folder: folder.join("crm"),
    })
    .unwrap()
}

/// A Tryton that running tests share, each with leads of its own. It ends with the last of them. A
/// static value is never dropped, and its process would outlive the tests.
pub struct SharedCrm {
    pub server: TrytonServer,
    _folder: TempDir,
}

static SHARED: Mutex<Weak<SharedCrm>> = Mutex::new(Weak::new());

pub fn shared_crm() -> Arc<SharedCrm> {
    let mut shared = SHARED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(crm) = shared.upgrade() {
        return crm;
    }
    let folder = tempfile::tempdir().unwrap();
    let crm = Arc::new(SharedCrm { server: start_crm(folder.path()), _folder: folder });
    *shared = Arc::downgrade(&crm);
    crm
}

/// The service's own client, at the CRM's address or at another address that leads there.
pub fn crm_client(settings: &CrmSettings, url: Option<String>, time_out: Duration) -> Tryton {
    let CrmSettings::Tryton { url: own, database, user, password } = settings.clone() else {
        unreachable!("not a Tryton");
    };
    let settings = CrmSettings::Tryton { url: url.unwrap_or(own), database, user, password };
    let Crm::Tryton(client) = Crm::new(&settings, None, time_out).unwrap() else {
        unreachable!("not a Tryton");
    };
    *client
}

/// Calls a method of the CRM as any other client does, and returns its answer.
pub async fn ask_crm(crm: &TrytonServer, method: &str, params: Value) -> Value {
    let CrmSettings::Tryton { url, database, user, password } = crm.settings() else {
        unreachable!("not a Tryton");
    };
    let basic = STANDARD.encode(format!("{user}:{}", password.reveal()));
    let request = reqwest::Client::new()
        .post(format!("{url}/{database}/rpc/"))
        .header("authorization", format!("Basic {basic}"))
        .json(&json!({ "id": 1, "method": method, "params": params }));
    let answer = Answer::of(request).await;
    assert!(answer.body.get("result").is_some(), "{method}: {answer:?}");
    answer.body["result"].clone()
}

/// The records that fit, oldest first.
pub async fn crm_records(
    crm: &TrytonServer,
    model: &str,
    domain: Value,
    fields: &[&str],
) -> Vec<Value> {
    let params = json!([domain, 0, 1000, [["id", "ASC"]], fields, { "active_test": false }]);
    let found = ask_crm(crm, &format!("model.{model}.search_read"), params).await;
    found.as_array().unwrap().clone()
}

/// A fault on the way to the CRM or back.
#[derive(Clone)]
pub enum Fault {
    /// Answered on the road with a status and a body. The CRM never gets the request.
    Instead(u16, String),
    /// The CRM does what was asked, and its answer is lost.
    AnswerLost,
    /// Every answer comes this much later.
    Slow(Duration),
}

/// A road to the CRM on which things go wrong.
pub struct BadRoad {
    port: u16,
    faults: Faults,
}

type Faults = Arc<Mutex<Vec<(&'static str, Fault)>>>;

impl BadRoad {
    /// A road on which each fault happens once, to the first request of its method.
    pub fn to(crm: &TrytonServer, faults: &[(&'static str, Fault)]) -> Self {
        let faults: Faults = Arc::new(Mutex::new(faults.to_vec()));
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let there = crm.url().replace("http://", "");
        let road = Arc::clone(&faults);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (faults, there) = (Arc::clone(&road), there.clone());
                std::thread::spawn(move || pass(stream, &there, &faults));
            }
        });
        Self { port, faults }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Whether every fault has happened.
    pub fn all_happened(&self) -> bool {
        self.faults.lock().unwrap().is_empty()
    }
}

/// One request and its answer. A client that hangs up early is done.
fn pass(mut here: TcpStream, there: &str, faults: &Faults) -> Option<()> {
    let request = read_request(&mut here)?;
    match fault_of(&String::from_utf8_lossy(&request), faults) {
        Some(Fault::Instead(status, body)) => {
            let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n", body.len());
            here.write_all(format!("{head}Connection: close\r\n\r\n{body}").as_bytes()).ok()
        }
        Some(Fault::AnswerLost) => forward(&request, there).map(drop),
        Some(Fault::Slow(wait)) => {
            let answer = forward(&request, there)?;
            std::thread::sleep(wait);
            here.write_all(&answer).ok()
        }
        None => here.write_all(&forward(&request, there)?).ok(),
    }
}

fn fault_of(request: &str, faults: &Faults) -> Option<Fault> {
    let mut faults = faults.lock().unwrap();
    let found = faults.iter().position(|(method, _)| request.contains(method))?;
    match &faults[found].1 {
        slow @ Fault::Slow(_) => Some(slow.clone()),
        _ => Some(faults.remove(found).1),
    }
}

pub(super) fn read_request(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut request = Vec::new();
    let mut part = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&request).to_lowercase();
        if let Some((head, _)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:"))?;
            let length: usize = length.trim().parse().ok()?;
            let start = request.windows(4).position(|four| four == b"\r\n\r\n")?;
            if request.len() >= start + 4 + length {
                return Some(request);
            }
        }
        match stream.read(&mut part).ok()? {
            0 => return None,
            read => request.extend_from_slice(&part[..read]),
        }
    }
}

pub(super) fn forward(request: &[u8], there: &str) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(there).ok()?;
    stream.write_all(request).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    Some(answer)
}
