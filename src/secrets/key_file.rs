//! The key file: only its owner may use it, nobody ever reads half of it, and of two commands that
//! change it at once neither undoes what the other has done.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::document::{Document, KeysError};

/// Bits of a file's mode that let others than its owner read, write or run it.
const OTHERS: u32 = 0o077;

/// Reads the file.
///
/// # Errors
/// [`KeysError::Exposed`] if others than its owner may use it.
pub(super) fn read(path: &Path) -> Result<String, KeysError> {
    let mode = fs::metadata(path).map_err(in_file(path))?.permissions().mode() & 0o7777;
    if mode & OTHERS != 0 {
        return Err(KeysError::Exposed { path: path.to_owned(), mode });
    }
    fs::read_to_string(path).map_err(in_file(path))
}

/// Makes a file with fresh secrets; `false` if another process has made it meanwhile.
pub(super) fn create(path: &Path) -> Result<bool, KeysError> {
    let text = Document::fresh()?.to_toml(&path.display().to_string())?;
    let beside = write_beside(path, &text)?;
    let linked = fs::hard_link(&beside, path);
    fs::remove_file(&beside).map_err(in_file(path))?;
    match linked {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(source) => Err(in_file(path)(source)),
    }
}

/// Changes the file, and returns what `work` returned. One change at a time: a second command waits.
///
/// # Errors
/// [`KeysError::ChangedMeanwhile`] if somebody who does not wait wrote the file in between.
pub(super) fn change<T>(
    path: &Path,
    work: impl FnOnce(&mut Document) -> Result<T, KeysError>,
) -> Result<T, KeysError> {
    let _held_until_the_end = lock(path)?;
    let place = path.display().to_string();
    let text = read(path)?;
    let mut document = Document::read(&text, &place)?;
    let done = work(&mut document)?;
    let beside = write_beside(path, &document.to_toml(&place)?)?;
    let unchanged = read(path).is_ok_and(|again| again == text);
    if !unchanged {
        fs::remove_file(&beside).map_err(in_file(path))?;
        return Err(KeysError::ChangedMeanwhile(path.to_owned()));
    }
    fs::rename(&beside, path).map_err(in_file(path))?;
    Ok(done)
}

/// Waits for the lock of the folder: the file itself is replaced by each change, so a lock on it
/// would be a lock on the file before. The lock ends when the process does.
fn lock(path: &Path) -> Result<File, KeysError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = File::open(folder.unwrap_or(Path::new("."))).map_err(in_file(path))?;
    folder.lock().map_err(in_file(path))?;
    Ok(folder)
}

/// Writes the text into a file beside the key file, with mode 0600. The caller links or renames it
/// into place.
fn write_beside(path: &Path, text: &str) -> Result<PathBuf, KeysError> {
    let beside = path.with_extension(format!("new-{}", uuid::Uuid::new_v4()));
    let mut options = File::options();
    options.write(true).create_new(true).mode(0o600);
    let mut out = options.open(&beside).map_err(in_file(path))?;
    out.write_all(text.as_bytes()).and_then(|()| out.sync_all()).map_err(in_file(path))?;
    Ok(beside)
}

fn in_file(path: &Path) -> impl Fn(std::io::Error) -> KeysError {
    move |source| KeysError::File { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use chrono::TimeDelta;

    use super::*;
    use crate::clock;

    fn made() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        assert!(create(&path).unwrap());
        (folder, path)
    }

    #[test]
    fn a_file_that_others_may_use_is_refused_by_name_and_says_the_remedy() {
        let (_folder, path) = made();
        assert!(read(&path).is_ok());
        for mode in [0o640, 0o604, 0o620, 0o601] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains(&format!("mode {mode:04o}")), "{error}");
            assert!(error.contains("chmod 600") && error.contains("keys.toml"), "{error}");
            assert!(change(&path, |_document| Ok(())).is_err());
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        assert!(read(&path).is_ok());
    }

    #[test]
    fn of_many_changes_at_once_none_is_lost() {
        const COMMANDS: i64 = 12;
        let (_folder, path) = made();
        let (path, start) = (path.as_path(), &Barrier::new(12));
        let mut added: Vec<String> = thread::scope(|scope| {
            let commands: Vec<_> = (1..=COMMANDS)
                .map(|minutes| {
                    scope.spawn(move || {
                        start.wait();
                        let from = clock::now().plus(TimeDelta::minutes(minutes));
                        change(path, |document| document.add_token_key(from, false))
                            .map(|_last| from)
                    })
                })
                .collect();
            commands.into_iter().map(|it| it.join().unwrap().unwrap().to_string()).collect()
        });
        let document = Document::read(&read(path).unwrap(), "here").unwrap();
        let keys = document.token_keys(crate::secrets::token_keys::TokenKey::new).unwrap().all();
        let mut there: Vec<String> =
            keys.iter().filter_map(|key| key.from.map(|from| from.to_string())).collect();
        added.sort();
        there.sort();
        assert_eq!(there, added);
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_somebody_else_wrote_meanwhile_is_not_overwritten() {
        let (folder, path) = made();
        let text = read(&path).unwrap();
        let changed = change(&path, |_document| {
            fs::write(&path, format!("# by hand\n{text}")).unwrap();
            Ok(())
        });
        assert!(matches!(changed, Err(KeysError::ChangedMeanwhile(_))));
        assert!(read(&path).unwrap().starts_with("# by hand"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
