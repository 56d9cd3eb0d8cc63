use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use super::manifest::Partner;
use super::place::ManifestError;
use super::rules::programme::Programme;
use crate::ids::PartnerId;

/// The partners as they are now, and the programme that they take part in. A caller keeps the
/// version that it got; the next call gets the newest.
#[derive(Debug)]
pub struct Registry {
    folder: PathBuf,
    separate_sandbox: bool,
    now: RwLock<Arc<Partners>>,
}

/// All partners of one reading of a folder of folders.
#[derive(Clone, Debug)]
pub struct Partners {
    by_id: BTreeMap<PartnerId, Arc<Partner>>,
    programme: Arc<Programme>,
    /// The text of each file, by its name below the folder.
    texts: BTreeMap<String, String>,
}

/// Why the partners could not be read.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    #[error("cannot read {path}")]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{path} has {bytes} bytes: expected {FILE_BYTES_MAX} at most")]
    TooLong { path: PathBuf, bytes: usize },
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error("{0} holds no partner: expected <id>/partner.toml")]
    Empty(PathBuf),
}

/// The name of the manifest in a partner's folder.
const MANIFEST: &str = "partner.toml";

/// The greatest length of a file. Each change keeps the whole text.
const FILE_BYTES_MAX: usize = 256 * 1024;

impl Registry {
    /// Reads every `<folder>/<id>/partner.toml`.
    ///
    /// # Errors
    /// [`RegistryError`] for the first manifest with a fault: then no manifest is taken.
    pub fn load(folder: &Path) -> Result<Self, RegistryError> {
        let now = RwLock::new(Arc::new(Partners::read(folder)?));
        Ok(Self { folder: folder.to_owned(), separate_sandbox: false, now })
    }

    /// Whether partners on trial have books of their own.
    #[must_use]
    pub fn with_separate_sandbox(mut self, separate: bool) -> Self {
        self.separate_sandbox = separate;
        self
    }

    #[must_use]
    pub const fn has_separate_sandbox(&self) -> bool {
        self.separate_sandbox
    }

    /// Whether a partner is on trial now.
    #[must_use]
    pub fn is_trial(&self, id: &PartnerId) -> bool {
        self.now().get(id).is_some_and(|partner| partner.status.is_trial())
    }

    /// Whether no partner is beyond the sandbox now.
    #[must_use]
    pub fn all_on_trial(&self) -> bool {
        self.now().by_id.values().all(|partner| partner.status.is_trial())
    }

    /// The folder of partners.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The partners as they are now.
    #[must_use]
    pub fn now(&self) -> Arc<Partners> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the partners.
    pub fn replace(&self, partners: Partners) {
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(partners);
    }

    #[must_use]
    pub fn get(&self, id: &PartnerId) -> Option<Arc<Partner>> {
        self.now().get(id).cloned()
    }

    #[must_use]
    pub fn programme(&self) -> Arc<Programme> {
        Arc::clone(&self.now().programme)
    }
}

impl Partners {
    /// Reads a folder.
    ///
    /// # Errors
    /// [`RegistryError`] for the first file with a fault.
    pub fn read(folder: &Path) -> Result<Self, RegistryError> {
        let mut texts = BTreeMap::new();
        let programme = load_programme(folder)?;
        if let Some(text) = read_if_there(&folder.join(Programme::FILE))? {
            texts.insert(Programme::FILE.to_owned(), text);
        }
        let mut by_id = BTreeMap::new();
        for path in manifests(folder)? {
            let (partner, text) = load_one(&path, &programme)?;
            texts.insert(format!("{}/{MANIFEST}", partner.id), text);
            by_id.insert(partner.id.clone(), Arc::new(partner));
        }
        if by_id.is_empty() {
            return Err(RegistryError::Empty(folder.to_owned()));
        }
        Ok(Self { by_id, programme, texts })
    }

    #[must_use]
    pub fn get(&self, id: &PartnerId) -> Option<&Arc<Partner>> {
        self.by_id.get(id)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<Partner>> {
        self.by_id.values()
    }

    #[must_use]
    pub const fn texts(&self) -> &BTreeMap<String, String> {
        &self.texts
    }

    #[must_use]
    pub const fn programme(&self) -> &Arc<Programme> {
        &self.programme
    }

    /// The partner whose manifest a file is.
    #[must_use]
    pub fn of_file(&self, file: &str) -> Option<&Arc<Partner>> {
        self.by_id.get(&partner_of(file)?)
    }
}

/// The partner whose manifest has that file name; `None` for the programme.
#[must_use]
pub fn partner_of(file: &str) -> Option<PartnerId> {
    let (folder, name) = file.split_once('/')?;
    (name == MANIFEST).then(|| PartnerId::try_from(folder).ok()).flatten()
}

/// Reads the programme beside the partners' folders, or the default one.
pub fn load_programme(folder: &Path) -> Result<Arc<Programme>, RegistryError> {
    let path = folder.join(Programme::FILE);
    let text = read_if_there(&path)?.unwrap_or_else(|| Programme::DEFAULT.to_owned());
    Ok(Arc::new(Programme::parse(&text, &path.display().to_string())?))
}

/// Reads one manifest, and returns its text too. The folder's name is the partner's id.
pub fn load_one(
    path: &Path,
    programme: &Arc<Programme>,
) -> Result<(Partner, String), RegistryError> {
    let text = read_if_there(path)?.ok_or_else(|| RegistryError::Unreadable {
        path: path.to_owned(),
        source: std::io::ErrorKind::NotFound.into(),
    })?;
    let folder = path.parent().and_then(Path::file_name).unwrap_or_default();
    let file = path.display().to_string();
    Ok((Partner::parse(&text, &file, &folder.to_string_lossy(), programme)?, text))
}

fn read_if_there(path: &Path) -> Result<Option<String>, RegistryError> {
    match std::fs::read_to_string(path) {
        Ok(text) if text.len() > FILE_BYTES_MAX => {
            Err(RegistryError::TooLong { path: path.to_owned(), bytes: text.len() })
        }
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(RegistryError::Unreadable { path: path.to_owned(), source }),
    }
}

/// The manifests below a folder, by name.
pub fn manifests(folder: &Path) -> Result<Vec<PathBuf>, RegistryError> {
    let unreadable = |source| RegistryError::Unreadable { path: folder.to_owned(), source };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path().join(MANIFEST);
        if path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
