use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest::{Context, SHA256};

use super::charset::{Charset, Guess};
use super::error::IntakeError;
use super::numbered::Metered;
use super::unpack::unpack;
use crate::store::imports::Scan;

/// Reads a whole file once: finds its hash and charset, and checks that it unpacks within its bound.
pub fn scan<R: Read + Send + 'static>(
    file: R,
    bytes_max: u64,
    declared: Option<Charset>,
) -> Result<Scan, IntakeError> {
    let hash = Arc::new(Mutex::new(Context::new(&SHA256)));
    let hashed = Hashed { inner: file, hash: Arc::clone(&hash) };
    let (mut rest, packed) = unpack(hashed)?;
    let mut unpacked = Metered::new(&mut rest, u64::MAX, bytes_max);
    let mut guess = Guess::default();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = unpacked.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        guess.look(buffer.get(..read).unwrap_or_default());
    }
    let hash = hash.lock().unwrap_or_else(PoisonError::into_inner).clone().finish();
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(hash.as_ref());
    let charset = declared.unwrap_or_else(|| guess.charset());
    Ok(Scan { sha256, charset: charset.name(), packed })
}

/// Hashes the bytes that are read through it.
struct Hashed<R> {
    inner: R,
    hash: Arc<Mutex<Context>>,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let mut hash = self.hash.lock().unwrap_or_else(PoisonError::into_inner);
        hash.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}
