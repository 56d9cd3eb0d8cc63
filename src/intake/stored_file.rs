use std::io::{self, Read};

use crate::customer::PersonalKeys;
use crate::ids::{ImportId, PartKey};
use crate::store::{Pool, StoreError, imports};

/// A file in the database. Its parts are read and opened one at a time.
pub struct StoredFile {
    pool: Pool,
    keys: PersonalKeys,
    import: ImportId,
    length: i64,
    /// Where the next part begins.
    next: i64,
    part: Vec<u8>,
    used: usize,
}

/// The record that a part is sealed for, so that no part can stand in the place of another.
#[must_use]
pub fn part_key(import: ImportId, kind: &str, place: i64) -> PartKey {
    PartKey::of_name(&[&import.to_string(), kind, &place.to_string()])
}

impl StoredFile {
    #[must_use]
    pub const fn new(pool: Pool, keys: PersonalKeys, import: ImportId, length: i64) -> Self {
        Self { pool, keys, import, length, next: 0, part: Vec::new(), used: 0 }
    }

    fn next_part(&mut self) -> io::Result<()> {
        let (import, start) = (self.import, self.next);
        let found = self.pool.with(|db| imports::read_part(db, import, start));
        let sealed = found
            .and_then(|found| found.ok_or(StoreError::Corrupt("import_parts")))
            .map_err(io::Error::other)?;
        let key = part_key(import, "part", start);
        self.part = self.keys.open(key.bytes(), &sealed).map_err(io::Error::other)?;
        self.used = 0;
        let bytes = i64::try_from(self.part.len()).unwrap_or(i64::MAX);
        self.next = self.next.saturating_add(bytes);
        Ok(())
    }
}

impl Read for StoredFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.used >= self.part.len() {
            if self.next >= self.length {
                return Ok(0);
            }
            self.next_part()?;
        }
        let mut left = self.part.get(self.used..).unwrap_or_default();
        let read = left.read(buffer)?;
        self.used = self.used.saturating_add(read);
        Ok(read)
    }
}
