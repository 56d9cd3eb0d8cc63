use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::manifest::{ManifestError, Partner};
use super::programme::Programme;
use crate::ids::PartnerId;

/// All partners, read from a folder of folders, and the programme that they take part in.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    partners: BTreeMap<PartnerId, Arc<Partner>>,
    programme: Arc<Programme>,
}

/// Why the partners could not be read.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    #[error("cannot read {path}")]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error("{0} holds no partner: expected <id>/partner.toml")]
    Empty(PathBuf),
}

impl Registry {
    /// Reads every `<folder>/<id>/partner.toml`.
    ///
    /// # Errors
    /// [`RegistryError`] for the first manifest that is wrong: none is taken then.
    pub fn load(folder: &Path) -> Result<Self, RegistryError> {
        let programme = load_programme(folder)?;
        let mut partners = BTreeMap::new();
        for path in manifests(folder)? {
            let partner = load_one(&path, &programme)?;
            partners.insert(partner.id.clone(), Arc::new(partner));
        }
        if partners.is_empty() {
            return Err(RegistryError::Empty(folder.to_owned()));
        }
        Ok(Self { partners, programme })
    }

    #[must_use]
    pub fn get(&self, id: &PartnerId) -> Option<&Arc<Partner>> {
        self.partners.get(id)
    }

    #[must_use]
    pub const fn programme(&self) -> &Arc<Programme> {
        &self.programme
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<Partner>> {
        self.partners.values()
    }
}

/// Reads the programme that stands beside the partners' folders, or what holds without one.
///
/// # Errors
/// [`RegistryError::Unreadable`] or [`RegistryError::Manifest`].
pub fn load_programme(folder: &Path) -> Result<Arc<Programme>, RegistryError> {
    let path = folder.join(Programme::FILE);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Programme::DEFAULT.to_owned(),
        Err(source) => return Err(RegistryError::Unreadable { path, source }),
    };
    Ok(Arc::new(Programme::parse(&text, &path.display().to_string())?))
}

/// Reads one manifest; its folder's name is the partner's id.
///
/// # Errors
/// [`RegistryError::Unreadable`] or [`RegistryError::Manifest`].
pub fn load_one(path: &Path, programme: &Arc<Programme>) -> Result<Partner, RegistryError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| RegistryError::Unreadable { path: path.to_owned(), source })?;
    let folder = path.parent().and_then(Path::file_name).unwrap_or_default();
    let file = path.display().to_string();
    Ok(Partner::parse(&text, &file, &folder.to_string_lossy(), programme)?)
}

/// The manifests below a folder, by name.
///
/// # Errors
/// [`RegistryError::Unreadable`].
pub fn manifests(folder: &Path) -> Result<Vec<PathBuf>, RegistryError> {
    let unreadable = |source| RegistryError::Unreadable { path: folder.to_owned(), source };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path().join("partner.toml");
        if path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
