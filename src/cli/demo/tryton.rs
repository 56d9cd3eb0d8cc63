//! A Tryton server of our own, for the demo and the tests: its database set up once and kept as a
//! template, its process ended with ours. SQLite, loopback only.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aws_lc_rs::rand;

use crate::settings::{CrmSettings, Secret};

/// Where Tryton is installed, and where it may keep what.
#[derive(Clone, Debug)]
pub struct TrytonPlace {
    /// A Python virtual environment with the packages of `tests/tools/requirements.txt`.
    pub venv: PathBuf,
    /// Prepared databases, kept from run to run because setting one up takes half a minute.
    pub template: PathBuf,
    /// This server's own folder; what is in it is replaced.
    pub folder: PathBuf,
}

/// A running Tryton server, which ends when this is dropped.
pub struct TrytonServer {
    place: TrytonPlace,
    port: u16,
    password: String,
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
    #[error("Tryton does not answer; its log is {0}")]
    Silent(PathBuf),
}

const USER: &str = "admin";
const DATABASE: &str = "crm";
const SETUP: &str = include_str!("tryton_setup.py");
const START_MAX: Duration = Duration::from_secs(60);

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
        let prepared = prepare(&place)?;
        make_folder(&place.folder)?;
        copy(&prepared.join("crm.sqlite"), &place.folder.join("crm.sqlite"))?;
        let password = read(&prepared.join("password"))?;
        let port = free_port().map_err(|source| file_error(&place.folder, source))?;
        let mut server = Self { place, port, password, process: None };
        write(&server.configuration(), &configuration(&server.place.folder, port))?;
        server.restart()?;
        Ok(server)
    }

    /// Starts the process again, on the same port and database, and waits until it answers.
    ///
    /// # Errors
    /// [`TrytonError`].
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
            if answers(self.port) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Err(TrytonError::Silent(log_path))
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

/// The prepared database, made where there is none. One maker at a time, among threads and among
/// processes; made beside and renamed into place, so that nobody ever copies half of it.
fn prepare(place: &TrytonPlace) -> Result<PathBuf, TrytonError> {
    let ready = place.template.clone();
    let lock_path = ready.with_extension("lock");
    let lock = fs::File::create(&lock_path).map_err(|source| file_error(&lock_path, source))?;
    lock.lock().map_err(|source| file_error(&lock_path, source))?;
    if ready.join("password").is_file() {
        return Ok(ready);
    }
    let beside = ready.with_extension("new");
    make_folder(&beside)?;
    write(&beside.join("crm.sqlite"), "")?;
    write(&beside.join("password"), &random_password())?;
    write(&beside.join("trytond.conf"), &configuration(&beside, 0))?;
    let admin = |arguments: &[&str]| run(place, &beside, "trytond-admin", arguments, "");
    admin(&["--all", "-p", "--email", "admin@crm.invalid"])?;
    admin(&["-u", "sale_opportunity", "--activate-dependencies"])?;
    let output = run(place, &beside, "trytond-console", &[], SETUP)?;
    if !output.contains("SET UP") {
        return Err(TrytonError::Failed { program: "trytond-console", output });
    }
    fs::rename(&beside, &ready).map_err(|source| file_error(&ready, source))?;
    Ok(ready)
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
        "[database]\nuri = sqlite://\npath = {}\n[web]\nlisten = 127.0.0.1:{port}\n",
        folder.display()
    )
}

/// Whether an HTTP server answers on the port.
fn answers(port: u16) -> bool {
    let attempt = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"OPTIONS / HTTP/1.0\r\n\r\n")?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer)?;
        Ok(answer == *b"HTTP/")
    };
    attempt().unwrap_or(false)
}

fn free_port() -> std::io::Result<u16> {
    TcpListener::bind(("127.0.0.1", 0))?.local_addr().map(|address| address.port())
}

fn random_password() -> String {
    let mut bytes = [0_u8; 16];
    // Without randomness the process number must do: the server is on loopback and short-lived.
    if rand::fill(&mut bytes).is_err() {
        return format!("pw-{}", std::process::id());
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
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

fn write(path: &Path, text: &str) -> Result<(), TrytonError> {
    fs::write(path, text).map_err(|source| file_error(path, source))
}

fn file_error(path: &Path, source: std::io::Error) -> TrytonError {
    TrytonError::File { path: path.to_owned(), source }
}
