//! A Tryton server of our own, for the demo and the tests: its database set up once and kept as a
//! template, its process ended when it is dropped. SQLite, loopback only.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aws_lc_rs::{digest, rand};

use crate::ids::hex;
use crate::settings::{CrmSettings, Secret};

/// Where Tryton is installed, and where it may keep what.
#[derive(Clone, Debug)]
pub struct TrytonPlace {
    /// A Python virtual environment with the packages of `tests/tools/requirements.txt`.
    pub venv: PathBuf,
    /// The prepared database, kept from run to run because setting one up takes half a minute.
    /// Made by whoever comes first, while others wait; made anew when the set-up has changed.
    pub template: PathBuf,
    /// This server's own folder; what is in it is replaced.
    pub folder: PathBuf,
}

/// A running Tryton server, which ends when this is dropped.
pub struct TrytonServer {
    place: TrytonPlace,
    port: u16,
    password: String,
    /// What this server alone shows at [`MARK`]: on a busy machine the port that was free a moment
    /// ago may be another's by now, even another Tryton's with the same password.
    mark: String,
    process: Option<Child>,
}

/// Why there is no Tryton.
#[derive(Debug, thiserror::Error)]
pub enum TrytonError {
    #[error("no Tryton in {0}: run `make tools`")]
    NotInstalled(PathBuf),
    #[error("cannot use {path}")]
    File { path: PathBuf, source: std::io::Error },
    #[error("{program} cannot be run")]
    Run { program: &'static str, source: std::io::Error },
    #[error("{program} failed:\n{output}")]
    Failed { program: &'static str, output: String },
    #[error("no random numbers for a password")]
    NoRandomness,
    #[error("Tryton ended while starting:\n{log}")]
    Ended { log: String },
    #[error("Tryton does not answer within {} s:\n{log}", START_MAX.as_secs())]
    Silent { log: String },
}

const USER: &str = "admin";
const DATABASE: &str = "crm";
const DATABASE_FILE: &str = "crm.sqlite";
const SETUP: &str = include_str!("tryton_setup.py");
const START_MAX: Duration = Duration::from_secs(60);
/// Ports that are tried when others take them first.
const PORTS_MAX: usize = 5;
const MARK: &str = "mark";

impl TrytonServer {
    /// Starts a server on a fresh copy of the prepared database, and waits until it answers.
    ///
    /// # Errors
    /// [`TrytonError`], which says what to do.
    pub fn start(place: TrytonPlace) -> Result<Self, TrytonError> {
        let program = place.venv.join("bin/trytond");
        if !program.is_file() {
            return Err(TrytonError::NotInstalled(place.venv));
        }
        make_folder(&place.folder)?;
        let password = copy_prepared(&place)?;
        let mark = random_hex()?;
        write(&place.folder.join("www").join(MARK), &mark)?;
        let mut server = Self { place, port: 0, password, mark, process: None };
        let mut outcome = Err(TrytonError::Silent { log: String::new() });
        for _attempt in 0..PORTS_MAX {
            server.port = free_port().map_err(|source| file_error(&server.place.folder, source))?;
            write(&server.configuration(), &configuration(&server.place.folder, server.port))?;
            outcome = server.restart();
            if !matches!(outcome, Err(TrytonError::Ended { .. })) {
                break;
            }
        }
        outcome.map(|()| server)
    }

    /// Starts the process again, on the same port and database, and waits until it answers.
    pub fn restart(&mut self) -> Result<(), TrytonError> {
        self.kill();
        let log_path = self.place.folder.join("trytond.log");
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(&log_path)
            .map_err(|source| file_error(&log_path, source))?;
        let child = Command::new(self.place.venv.join("bin/trytond"))
            .arg("-c")
            .arg(self.configuration())
            .args(["-d", DATABASE])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|source| TrytonError::Run { program: "trytond", source })?;
        self.process = Some(child);
        let started = Instant::now();
        while started.elapsed() < START_MAX {
            if shows(self.port, &self.mark) {
                return Ok(());
            }
            if self.has_ended() {
                return Err(TrytonError::Ended { log: end_of(&log_path) });
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Err(TrytonError::Silent { log: end_of(&log_path) })
    }

    fn has_ended(&mut self) -> bool {
        let status = self.process.as_mut().map(Child::try_wait);
        !matches!(status, Some(Ok(None)))
    }

    /// Ends the process at once, as a power cut would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.process.take() {
            // Both fail only for a process that has ended already.
            let _ended = child.kill();
            let _reaped = child.wait();
        }
    }

    /// The settings with which the service reaches this server.
    #[must_use]
    pub fn settings(&self) -> CrmSettings {
        CrmSettings::Tryton {
            url: self.url(),
            database: DATABASE.to_owned(),
            user: USER.to_owned(),
            password: Secret::new(self.password.clone()),
        }
    }

    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn configuration(&self) -> PathBuf {
        self.place.folder.join("trytond.conf")
    }
}

impl Drop for TrytonServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Copies the prepared database into the server's folder and returns its password. Under a lock
/// that ends with the process, so that tests and demos that start at once set one up between them,
/// and none copies what another is replacing.
fn copy_prepared(place: &TrytonPlace) -> Result<String, TrytonError> {
    if let Some(parent) = place.template.parent() {
        fs::create_dir_all(parent).map_err(|source| file_error(parent, source))?;
    }
    let lock_path = place.template.with_extension("lock");
    let lock = fs::File::options().create(true).append(true).open(&lock_path);
    let lock = lock.map_err(|source| file_error(&lock_path, source))?;
    lock.lock().map_err(|source| file_error(&lock_path, source))?;
    let stamp = stamp(place);
    let kept = fs::read_to_string(place.template.join("stamp"));
    if !kept.is_ok_and(|kept| kept == stamp) {
        prepare(place, &stamp)?;
    }
    copy(&place.template.join(DATABASE_FILE), &place.folder.join(DATABASE_FILE))?;
    read(&place.template.join("password"))
}

/// What the prepared database depends on: our set-up, and the packages that `make tools` installed.
fn stamp(place: &TrytonPlace) -> String {
    // An environment made by hand has no stamp, and none is as good: it is the same every time.
    let packages = fs::read(place.venv.join(".stamp")).unwrap_or_default();
    let both = [SETUP.as_bytes(), &packages].concat();
    hex(digest::digest(&digest::SHA256, &both).as_ref())
}

/// Sets the database up. Made beside and renamed into place: what was broken off is not there.
fn prepare(place: &TrytonPlace, stamp: &str) -> Result<(), TrytonError> {
    let beside = place.template.with_extension("new");
    make_folder(&beside)?;
    write(&beside.join(DATABASE_FILE), "")?;
    write(&beside.join("password"), &random_hex()?)?;
    write(&beside.join("trytond.conf"), &configuration(&beside, 0))?;
    let admin = |arguments: &[&str]| run(place, &beside, "trytond-admin", arguments, "");
    admin(&["--all", "-p", "--email", "admin@crm.invalid"])?;
    admin(&["-u", "sale_opportunity", "--activate-dependencies"])?;
    let output = run(place, &beside, "trytond-console", &[], SETUP)?;
    if !output.contains("SET UP") {
        return Err(TrytonError::Failed { program: "trytond-console", output });
    }
    write(&beside.join("stamp"), stamp)?;
    if place.template.exists() {
        fs::remove_dir_all(&place.template)
            .map_err(|source| file_error(&place.template, source))?;
    }
    fs::rename(&beside, &place.template).map_err(|source| file_error(&place.template, source))
}

/// Runs one of Tryton's programs to its end and returns what it printed.
fn run(
    place: &TrytonPlace,
    folder: &Path,
    program: &'static str,
    arguments: &[&str],
    input: &str,
) -> Result<String, TrytonError> {
    let failed = |source| TrytonError::Run { program, source };
    let mut child = Command::new(place.venv.join("bin").join(program))
        .arg("-c")
        .arg(folder.join("trytond.conf"))
        .args(["-d", DATABASE])
        .args(arguments)
        .env("TRYTONPASSFILE", folder.join("password"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).map_err(failed)?;
    }
    let output = child.wait_with_output().map_err(failed)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        Ok(text)
    } else {
        Err(TrytonError::Failed { program, output: text })
    }
}

fn configuration(folder: &Path, port: u16) -> String {
    format!(
        "[database]\nuri = sqlite://\npath = {folder}\n\
         [web]\nlisten = 127.0.0.1:{port}\nroot = {folder}/www\n",
        folder = folder.display()
    )
}

/// Whether the server on the port is the one with this mark.
fn shows(port: u16, mark: &str) -> bool {
    let attempt = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(format!("GET /{MARK} HTTP/1.0\r\n\r\n").as_bytes())?;
        let mut answer = Vec::new();
        stream.take(4096).read_to_end(&mut answer)?;
        Ok(answer.ends_with(mark.as_bytes()))
    };
    // No connection yet, or somebody who does not speak HTTP: both are not our server.
    attempt().unwrap_or(false)
}

fn free_port() -> std::io::Result<u16> {
    TcpListener::bind(("127.0.0.1", 0))?.local_addr().map(|address| address.port())
}

fn random_hex() -> Result<String, TrytonError> {
    let mut bytes = [0_u8; 16];
    rand::fill(&mut bytes).map_err(|_unspecified| TrytonError::NoRandomness)?;
    Ok(hex(&bytes))
}

/// The last lines of a log, for an error that says why: the folder may be gone when it is read.
fn end_of(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let skipped = text.lines().count().saturating_sub(20);
    text.lines().skip(skipped).collect::<Vec<_>>().join("\n")
}

fn make_folder(path: &Path) -> Result<(), TrytonError> {
    if path.exists() {
        fs::remove_dir_all(path).map_err(|source| file_error(path, source))?;
    }
    fs::create_dir_all(path).map_err(|source| file_error(path, source))
}

fn copy(from: &Path, to: &Path) -> Result<(), TrytonError> {
    fs::copy(from, to).map(drop).map_err(|source| file_error(to, source))
}

fn read(path: &Path) -> Result<String, TrytonError> {
    fs::read_to_string(path).map_err(|source| file_error(path, source))
}

/// Writes a file that only we may read: some hold a password.
fn write(path: &Path, text: &str) -> Result<(), TrytonError> {
    let attempt = || -> std::io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut options = fs::File::options();
        options.write(true).create(true).truncate(true).mode(0o600);
        options.open(path)?.write_all(text.as_bytes())
    };
    attempt().map_err(|source| file_error(path, source))
}

fn file_error(path: &Path, source: std::io::Error) -> TrytonError {
    TrytonError::File { path: path.to_owned(), source }
}
