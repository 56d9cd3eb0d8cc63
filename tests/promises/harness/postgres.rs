//! A throw-away PostgreSQL cluster for the tests, one for each test process. `initdb` makes it in a
//! folder of its own, and it is gone when the process ends, however it ends: a shell waits for the end
//! of its own standard input, which comes even when the tests are killed with -9, and then stops the
//! server. If that shell is killed as well, the next start removes what it left.
//!
//! The cluster is unlike a developer's on purpose. Words sort by a dictionary (ICU) and not by byte, and
//! the server's time zone is far from UTC, so code that relies on either fails.
#![expect(clippy::panic, reason = "without its server a test run cannot go on")]

use std::fmt::Display;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::Duration;

const FOLDER_PREFIX: &str = "tallystick-pg-";
const USER: &str = "tallystick";
const STARTS_MAX: usize = 5;
const CONNECTIONS_MAX: &str = "400";
/// A folder younger than this may not be locked by its owner yet.
const SWEEP_AGE_S: u64 = 60;

/// Starts the server, waits for the end of its input, and leaves nothing behind. A SIGQUIT stops
/// PostgreSQL at once: what it held is thrown away anyway.
const KEEPER: &str = r#"
trap '' INT TERM HUP
folder=$1; shift
"$@" >>"$folder/log" 2>&1 </dev/null &
server=$!
read -r _
kill -QUIT "$server" 2>/dev/null
wait "$server" 2>/dev/null
rm -rf "$folder"
"#;

/// What a commit waits for before it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// The disk, as in production.
    Disk,
    /// Nothing. It is quicker, and as safe, as long as only processes are killed and not the machine.
    Memory,
}

/// A running cluster. Its databases are reached over TCP on loopback with a password made for this
/// run; the socket in its folder is open to its owner only.
pub struct Cluster {
    folder: PathBuf,
    programs: PathBuf,
    port: u16,
    password: String,
    keeper: Child,
    /// Held as long as this process lives. A process that can take the lock knows that we are gone.
    _lock: File,
}

impl Cluster {
    /// The one of this process, started at the first call. Tests kill processes and never the
    /// machine, so it is [`Durability::Memory`]; `TALLYSTICK_TEST_FSYNC=on` makes it wait for the
    /// disk.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(|| {
            let on = std::env::var_os("TALLYSTICK_TEST_FSYNC").is_some_and(|value| value == "on");
            Self::start(if on { Durability::Disk } else { Durability::Memory })
        })
    }

    /// A cluster of the caller's own. It ends when it is dropped.
    pub fn start(durability: Durability) -> Self {
        sweep();
        let programs = programs();
        let (folder, lock) = new_folder();
        let password = random_password();
        init(&programs, &folder, &password);
        for _ in 0..STARTS_MAX {
            let port = free_port();
            let mut keeper = keep(&programs, &folder, port, durability);
            if is_up(&folder) {
                return Self { folder, programs, port, password, keeper, _lock: lock };
            }
            // Another process took the port before the server did. The keeper is killed and has no
            // time to remove the folder.
            or_stop(keeper.kill(), "kill the keeper");
            or_stop(keeper.wait(), "wait for the keeper");
        }
        panic!("PostgreSQL found no free port in {STARTS_MAX} tries")
    }

    /// The URL of a database of this cluster.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    /// A new database, a copy of `template` where one is named. Nobody may be connected to the
    /// template, so this waits until the last connection is gone.
    pub fn create_database(&self, name: &str, template: Option<&str>) -> String {
        let template = template.unwrap_or("template1");
        let sql = format!("CREATE DATABASE {} TEMPLATE {}", plain(name), plain(template));
        for _ in 0..100 {
            match self.try_psql("postgres", &sql) {
                Ok(_) => return self.url(name),
                Err(reason) if reason.contains("is being accessed by other users") => {
                    sleep(Duration::from_millis(50));
                }
                Err(reason) => panic!("{sql}: {reason}"),
            }
        }
        panic!("{sql}: the template is in use")
    }

    /// Drops a database, with the connections that are still open.
    pub fn drop_database(&self, name: &str) {
        self.psql("postgres", &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", plain(name)));
    }

    /// Runs statements as the cluster's owner. Returns the rows, unaligned, columns between `|`.
    pub fn psql(&self, database: &str, sql: &str) -> String {
        self.try_psql(database, sql).unwrap_or_else(|reason| panic!("{sql}: {reason}"))
    }

    /// The same, or what PostgreSQL said against it.
    pub fn try_psql(&self, database: &str, sql: &str) -> Result<String, String> {
        let mut command = self.client("psql", database);
        command.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql]);
        let output = or_stop(command.output(), "run psql");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    /// One of PostgreSQL's own clients (`psql`, `pgbench`, `pg_dump`), pointed at a database here.
    pub fn client(&self, program: &str, database: &str) -> Command {
        let mut command = command(&self.programs.join(program));
        command.env("PGHOST", &self.folder).env("PGPORT", self.port.to_string());
        command.env("PGUSER", USER).env("PGDATABASE", database).stdin(Stdio::null());
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _exit = self.keeper.wait();
    }
}

fn keep(programs: &Path, folder: &Path, port: u16, durability: Durability) -> Child {
    let durable = if durability == Durability::Disk { "on" } else { "off" };
    let mut keeper = server_command(Path::new("/bin/sh"), folder);
    keeper.args(["-c", KEEPER, "keeper"]).arg(folder);
    keeper.arg(programs.join("postgres")).arg("-D").arg(folder.join("data"));
    let sockets = folder.display().to_string();
    for (name, value) in [
        ("listen_addresses", "127.0.0.1"),
        ("port", &port.to_string()),
        ("unix_socket_directories", &sockets),
        ("max_connections", CONNECTIONS_MAX),
        ("fsync", durable),
        ("full_page_writes", durable),
        ("synchronous_commit", durable),
        ("timezone", "Asia/Kathmandu"),
        ("log_min_messages", "warning"),
        ("lc_messages", "C"),
    ] {
        keeper.arg("-c").arg(format!("{name}={value}"));
    }
    // Outside the terminal's group, because Ctrl-C would reach the server before the tests end.
    keeper.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null());
    or_stop(keeper.spawn(), "start PostgreSQL's keeper")
}

/// Waits until the server takes connections. `false` when its port was taken.
fn is_up(folder: &Path) -> bool {
    let log = || fs::read_to_string(folder.join("log")).unwrap_or_default();
    for _ in 0..3000 {
        let state = fs::read_to_string(folder.join("data/postmaster.pid")).unwrap_or_default();
        if state.lines().nth(7).is_some_and(|state| state.trim_end() == "ready") {
            return true;
        }
        let said = log();
        if said.contains("could not create any TCP/IP sockets") {
            or_stop(fs::remove_file(folder.join("log")), "clear the server's log");
            return false;
        }
        assert!(!said.contains("FATAL"), "PostgreSQL did not start: {said}");
        sleep(Duration::from_millis(10));
    }
    panic!("PostgreSQL did not start in 30 s: {}", log())
}

fn init(programs: &Path, folder: &Path, password: &str) {
    let password_file = folder.join("password");
    or_stop(fs::write(&password_file, password), "write the password");
    give_to_server(&password_file);
    let mut initdb = server_command(&programs.join("initdb"), folder);
    initdb.arg("-D").arg(folder.join("data")).arg("--pwfile").arg(&password_file);
    initdb.args(["--username", USER, "--auth-local=trust", "--auth-host=scram-sha-256"]);
    initdb.args(["--encoding=UTF8", "--locale=C", "--no-sync"]);
    initdb.args(["--locale-provider=icu", "--icu-locale=en-US"]);
    let Output { status, stdout, stderr } = or_stop(initdb.output(), "run initdb");
    let said = [stdout, stderr].concat();
    assert!(status.success(), "initdb failed: {}", String::from_utf8_lossy(&said));
    or_stop(fs::remove_file(password_file), "remove the password");
}

/// The folder of all clusters: the temporary folder, unless its name is too long. The path of a socket
/// has room for 107 bytes.
fn base() -> PathBuf {
    let folder = std::env::temp_dir();
    if folder.as_os_str().len() < 40 { folder } else { PathBuf::from("/tmp") }
}

/// A folder for the cluster, locked by this process and owned by the server's user.
fn new_folder() -> (PathBuf, File) {
    let name = format!("{FOLDER_PREFIX}{}-{}", std::process::id(), random_password());
    let folder = base().join(name);
    or_stop(fs::create_dir(&folder), &format!("make {}", folder.display()));
    or_stop(fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)), "close the folder");
    let lock = or_stop(File::create(folder.join("lock")), "make the lock");
    or_stop(lock.lock(), "take the lock");
    give_to_server(&folder);
    (folder, lock)
}

/// Removes the folders of earlier runs whose keeper was killed too: nobody holds their lock.
fn sweep() {
    let folders = or_stop(fs::read_dir(base()), "read the temporary folder");
    for entry in folders.flatten() {
        let folder = entry.path();
        let ours = entry.file_name().to_string_lossy().starts_with(FOLDER_PREFIX);
        let age = entry.metadata().and_then(|meta| meta.modified()).map(|then| then.elapsed());
        let old = matches!(age, Ok(Ok(age)) if age > Duration::from_secs(SWEEP_AGE_S));
        if !(ours && old) {
            continue;
        }
        let lock = File::open(folder.join("lock"));
        let abandoned = match &lock {
            Ok(lock) => lock.try_lock().is_ok(),
            Err(error) => error.kind() == ErrorKind::NotFound,
        };
        if abandoned {
            stop_abandoned(&folder);
            // The folder's keeper may be removing it as well.
            let _removed = fs::remove_dir_all(&folder);
        }
    }
}

fn stop_abandoned(folder: &Path) {
    let state = fs::read_to_string(folder.join("data/postmaster.pid")).unwrap_or_default();
    let Some(pid) = state.lines().next() else {
        return;
    };
    // Another process may have the number by now.
    let says = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    if String::from_utf8_lossy(&says).contains(&folder.display().to_string()) {
        let _status = Command::new("kill").args(["-QUIT", pid]).status();
        sleep(Duration::from_millis(300));
    }
}

/// The folder with the server's programs: on the path, or where Debian keeps them, newest first.
fn programs() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).filter_map(|folder| {
        // A link leads to the folder where the others are as well.
        let initdb = fs::canonicalize(folder.join("initdb")).ok()?;
        Some(initdb.parent()?.to_owned())
    });
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut debian: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    debian.sort();
    let debian = debian.into_iter().rev().map(|(_, folder)| folder);
    let has_all = |folder: &PathBuf| {
        ["initdb", "postgres", "psql"].iter().all(|program| folder.join(program).is_file())
    };
    on_path.chain(debian).find(has_all).unwrap_or_else(|| {
        panic!("initdb, postgres and psql were not found together: `make tools` installs them")
    })
}

/// A command that runs as the server's user: PostgreSQL refuses to run as root.
fn server_command(program: &Path, folder: &Path) -> Command {
    let mut command = command(program);
    command.current_dir(folder);
    if let Some((user, group)) = server_user() {
        command.uid(user).gid(group);
    }
    command
}

/// A command without the caller's own settings of PostgreSQL (`PGHOST` …).
fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PG") {
            command.env_remove(name);
        }
    }
    command
}

/// The user of the server when we are root: Debian's `postgres`. `None`: our own user.
fn server_user() -> Option<(u32, u32)> {
    if or_stop(fs::metadata("/proc/self"), "ask who we are").uid() != 0 {
        return None;
    }
    let users = or_stop(fs::read_to_string("/etc/passwd"), "read /etc/passwd");
    let found = users.lines().find_map(|line| {
        let mut fields = line.strip_prefix("postgres:")?.split(':').skip(1);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    });
    Some(found.unwrap_or_else(|| panic!("root needs a user `postgres` to run PostgreSQL as")))
}

fn give_to_server(path: &Path) {
    if let Some((user, group)) = server_user() {
        let given = std::os::unix::fs::chown(path, Some(user), Some(group));
        or_stop(given, &format!("give {} to the server", path.display()));
    }
}

fn free_port() -> u16 {
    let listener = or_stop(TcpListener::bind(("127.0.0.1", 0)), "find a free port");
    or_stop(listener.local_addr(), "find a free port").port()
}

fn random_password() -> String {
    let mut bytes = [0_u8; 12];
    let mut source = or_stop(File::open("/dev/urandom"), "open /dev/urandom");
    or_stop(source.read_exact(&mut bytes), "read /dev/urandom");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A name that needs no quotes in SQL.
fn plain(name: &str) -> &str {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    assert!(!name.is_empty() && name.len() < 64 && name.chars().all(allowed), "bad name: {name}");
    name
}

fn or_stop<T, E: Display>(result: Result<T, E>, what: &str) -> T {
    result.unwrap_or_else(|error| panic!("cannot {what}: {error}"))
}
