//! A folder that is held open. Whoever may write to the folder around it can put a link in its place at any
//! moment: what is read, written and moved here stays within the folder that was opened.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use uuid::Uuid;

/// To open what turns out to be a pipe must not wait for its other end.
const O_NONBLOCK: i32 = if cfg!(target_os = "linux") { 0o4000 } else { 0x4 };

/// A folder, whatever becomes of its name.
pub(super) struct HeldFolder {
    /// Holds the folder.
    _handle: File,
    /// How it is reached: by the handle, where the system has such paths.
    reach: PathBuf,
}

impl HeldFolder {
    /// `None`: there is no folder of that name. What a link points to is none.
    pub(super) fn open(path: &Path) -> io::Result<Option<Self>> {
        let Some(seen) = gone_is_none(fs::symlink_metadata(path))? else { return Ok(None) };
        if !seen.is_dir() {
            return Ok(None);
        }
        let Some(handle) = gone_is_none(open_to_read(path))? else { return Ok(None) };
        let held = handle.metadata()?;
        // Another one has taken its place since.
        if !held.is_dir() || (held.dev(), held.ino()) != (seen.dev(), seen.ino()) {
            return Ok(None);
        }
        let reach = if cfg!(target_os = "linux") {
            PathBuf::from(format!("/proc/self/fd/{}", handle.as_raw_fd()))
        } else {
            path.to_owned()
        };
        Ok(Some(Self { _handle: handle, reach }))
    }

    /// A folder within this one, made if it is missing. `None`: something else has its name.
    pub(super) fn within(&self, name: &str) -> io::Result<Option<Self>> {
        let path = self.path(name);
        match fs::create_dir(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            Ok(()) | Err(_) => {}
        }
        Self::open(&path)
    }

    /// The path of what lies in this folder under a name.
    pub(super) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.reach.join(name)
    }

    /// What lies in this folder, in no order.
    pub(super) fn names(&self) -> io::Result<impl Iterator<Item = PathBuf>> {
        let entries = fs::read_dir(&self.reach)?.filter_map(Result::ok);
        Ok(entries.map(|entry| PathBuf::from(entry.file_name())))
    }

    /// Writes a file under a name that others may have foreseen: a link that waits there is replaced, and
    /// not followed.
    pub(super) fn lay_down(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let unseen = self.unseen();
        let mut file = OpenOptions::new().write(true).create_new(true).open(&unseen)?;
        file.write_all(content)?;
        fs::rename(unseen, self.path(name))
    }

    /// Moves the file that was read here, under a new name; `false` where another one has taken its place,
    /// which goes back. Another gateway may have moved the file before.
    pub(super) fn take_over(
        &self,
        read: &fs::Metadata,
        from: &Path,
        name: &str,
    ) -> io::Result<bool> {
        let unseen = self.unseen();
        if gone_is_none(fs::rename(from, &unseen))?.is_none() {
            return Ok(true);
        }
        let moved = fs::symlink_metadata(&unseen)?;
        if (moved.dev(), moved.ino()) != (read.dev(), read.ino()) {
            // A link to it, because a third one may be there by now, and is not replaced.
            fs::hard_link(&unseen, from)?;
            fs::remove_file(&unseen)?;
            return Ok(false);
        }
        fs::rename(unseen, self.path(name))?;
        Ok(true)
    }

    fn unseen(&self) -> PathBuf {
        self.path(format!(".{}", Uuid::new_v4()))
    }
}

/// Opens a file or a folder, and waits for nobody.
pub(super) fn open_to_read(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(O_NONBLOCK).open(path)
}

pub(super) fn gone_is_none<T>(done: io::Result<T>) -> io::Result<Option<T>> {
    match done {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_that_takes_the_place_of_a_held_folder_leads_nowhere() {
        let place = tempfile::tempdir().unwrap();
        let [mine, elsewhere, moved] =
            ["mine", "elsewhere", "moved"].map(|it| place.path().join(it));
        fs::create_dir(&mine).unwrap();
        fs::create_dir(&elsewhere).unwrap();
        let held = HeldFolder::open(&mine).unwrap().unwrap();
        let taken = held.within("taken").unwrap().unwrap();
        fs::rename(mine.join("taken"), &moved).unwrap();
        symlink(&elsewhere, mine.join("taken")).unwrap();
        taken.lay_down("a", b"1").unwrap();
        let file = mine.join("2026-10.csv");
        fs::write(&file, b"2").unwrap();
        let read = fs::metadata(&file).unwrap();
        assert!(taken.take_over(&read, &held.path("2026-10.csv"), "b").unwrap());
        assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
        assert_eq!(fs::read(moved.join("b")).unwrap(), b"2");
        assert!(held.within("taken").unwrap().is_none());
        assert!(HeldFolder::open(&mine.join("taken")).unwrap().is_none());
    }

    #[test]
    fn a_file_that_was_not_read_is_not_moved() {
        let place = tempfile::tempdir().unwrap();
        let held = HeldFolder::open(place.path()).unwrap().unwrap();
        let taken = held.within("taken").unwrap().unwrap();
        let file = place.path().join("2026-10.csv");
        fs::write(&file, b"read").unwrap();
        let read = fs::metadata(&file).unwrap();
        fs::rename(&file, place.path().join("kept")).unwrap();
        fs::write(&file, b"another").unwrap();
        assert!(!taken.take_over(&read, &file, "b").unwrap());
        assert_eq!(fs::read(&file).unwrap(), b"another");
        assert_eq!(fs::read_dir(place.path().join("taken")).unwrap().count(), 0);
    }
}
