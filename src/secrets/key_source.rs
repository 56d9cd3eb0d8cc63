//! Where the secrets come from: a file, an environment variable, or a command, for example one that
//! asks a key management service. The output of a command is never logged, and its time is limited.

use std::fmt;
use std::io::{self, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::document::KeysError;
use super::key_file;
use crate::settings::{self, KeyPlace, Settings};

/// Where the key set is.
#[derive(Clone, Debug)]
pub enum KeySource {
    File(PathBuf),
    Env(String),
    Command { command: Vec<String>, time_max: Duration },
}

/// A key set has at most this many bytes.
const BYTES_MAX: u64 = 64 * 1024;
/// How often we look whether a command has ended.
const LOOK_EVERY: Duration = Duration::from_millis(10);

impl From<&Settings> for KeySource {
    fn from(settings: &Settings) -> Self {
        match &settings.key_source {
            KeyPlace::File => Self::File(settings.keys.clone()),
            KeyPlace::Env { variable } => Self::Env(variable.clone()),
            KeyPlace::Command { command, seconds_max } => Self::Command {
                command: command.clone(),
                time_max: Duration::from_secs((*seconds_max).clamp(1, 300)),
            },
        }
    }
}

impl KeySource {
    /// `false` only for a key file that has not been made yet.
    #[must_use]
    pub fn is_there(&self) -> bool {
        match self {
            Self::File(path) => path.exists(),
            Self::Env(_) | Self::Command { .. } => true,
        }
    }
}

/// For errors and logs. Only a command's program is shown: an argument may be a secret.
impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "the file {}", path.display()),
            Self::Env(variable) => write!(f, "the variable {variable}"),
            Self::Command { command, .. } => {
                write!(f, "the command {}", command.first().map_or("", String::as_str))
            }
        }
    }
}

/// Reads the key set. Blocks for as long as a command may take.
pub fn text(source: &KeySource) -> Result<String, KeysError> {
    let failed = |why: String| KeysError::Source { place: source.to_string(), why };
    match source {
        KeySource::File(path) => key_file::read(path),
        KeySource::Env(variable) => {
            settings::variable(variable).ok_or_else(|| failed("it is not set".to_owned()))
        }
        KeySource::Command { command, time_max } => run(command, *time_max).map_err(failed),
    }
}

fn run(command: &[String], time_max: Duration) -> Result<String, String> {
    let (program, arguments) = command.split_first().ok_or("there is none")?;
    let started = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut child = started.map_err(|error| format!("it does not start: {}", error.kind()))?;
    let mut out = child.stdout.take().ok_or("it has no output")?;
    let reading = thread::spawn(move || {
        let mut text = String::new();
        // One byte more than allowed shows that the output is too long.
        out.by_ref().take(BYTES_MAX.saturating_add(1)).read_to_string(&mut text)?;
        // The rest is read too: else the command would fail with a broken pipe.
        io::copy(&mut out, &mut io::sink()).map(|_more| text)
    });
    let ended = wait(&mut child, time_max);
    if ended.is_err() {
        // The command is ended, whatever keeps it.
        let _gone = child.kill().and_then(|()| child.wait().map(|_status| ()));
        return ended.map(|()| String::new());
    }
    let text = reading.join().map_err(|_panicked| "its output cannot be read")?;
    let text = text.map_err(|_not_utf8| "it does not print text")?;
    if u64::try_from(text.len()).is_ok_and(|bytes| bytes > BYTES_MAX) {
        return Err(format!("it prints more than {BYTES_MAX} bytes"));
    }
    Ok(text)
}

fn wait(child: &mut Child, time_max: Duration) -> Result<(), String> {
    let begun = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(format!("it failed: {status}")),
            Ok(None) if begun.elapsed() >= time_max => {
                return Err(format!("it took more than {} s", time_max.as_secs()));
            }
            Ok(None) => thread::sleep(LOOK_EVERY),
            Err(error) => return Err(format!("it cannot be waited for: {}", error.kind())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(script: &str, time_max: Duration) -> KeySource {
        let command = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
        KeySource::Command { command, time_max }
    }

    #[test]
    fn a_command_gives_what_it_prints_and_nothing_of_it_stands_in_an_error() {
        let ample = Duration::from_secs(60);
        assert_eq!(text(&command("echo '{}'", ample)).unwrap(), "{}\n");
        for (script, why, time_max) in [
            ("echo hunter2; exit 3", "it failed", ample),
            ("echo hunter2; sleep 20", "it took more", Duration::from_millis(400)),
            ("yes hunter2 | head -c 70000", "it prints more", ample),
        ] {
            let error = text(&command(script, time_max)).unwrap_err().to_string();
            assert!(error.contains(why) && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn what_is_not_there_is_named() {
        let error = text(&KeySource::Env("NO_SUCH_VARIABLE".to_owned())).unwrap_err();
        assert!(error.to_string().contains("NO_SUCH_VARIABLE"), "{error}");
    }
}
