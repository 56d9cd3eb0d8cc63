use std::collections::VecDeque;
use std::io::{self, Read};

use super::error::IntakeError;

/// Bounds what is read: the bytes of one record, and of the whole file.
pub(super) struct Metered<R> {
    inner: R,
    in_record: u64,
    record_max: u64,
    left: u64,
    bytes_max: u64,
}

/// Knows on which line of the file each record begins, as an editor numbers lines: CR LF, LF and CR
/// each end a line, and blank lines count. The CSV reader skips blank lines and counts none of this.
pub(super) struct Numbered<R> {
    inner: R,
    /// Bytes passed on so far.
    offset: u64,
    /// The line of the next byte.
    line: u64,
    /// No byte of that line was passed on yet.
    at_start: bool,
    after_cr: bool,
    /// Place and number of each line that has a byte of its own, until a record behind it is asked
    /// for.
    starts: VecDeque<LineStart>,
}

#[derive(Clone, Copy)]
struct LineStart {
    offset: u64,
    line: u64,
}

impl<R> Metered<R> {
    pub(super) const fn new(inner: R, record_max: u64, bytes_max: u64) -> Self {
        Self { inner, in_record: 0, record_max, left: bytes_max, bytes_max }
    }

    /// The next byte belongs to a new record.
    pub(super) const fn begin_record(&mut self) {
        self.in_record = 0;
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.in_record > self.record_max {
            return Err(io::Error::other(IntakeError::LineTooLong { line: None }));
        }
        let read = self.inner.read(buffer)?;
        let bytes = u64::try_from(read).unwrap_or(u64::MAX);
        self.in_record = self.in_record.saturating_add(bytes);
        self.left = self
            .left
            .checked_sub(bytes)
            .ok_or_else(|| io::Error::other(IntakeError::FileTooLong(self.bytes_max)))?;
        Ok(read)
    }
}

impl<R> Numbered<Metered<R>> {
    pub(super) const fn begin_record(&mut self) {
        self.inner.begin_record();
    }
}

impl<R> Numbered<R> {
    pub(super) const fn new(inner: R) -> Self {
        Self { inner, offset: 0, line: 1, at_start: true, after_cr: false, starts: VecDeque::new() }
    }

    /// The line of the first byte at or behind `offset` that ends no line.
    pub(super) fn line_at(&mut self, offset: u64) -> u64 {
        while self.starts.front().is_some_and(|start| start.offset < offset) {
            self.starts.pop_front();
        }
        self.starts.front().map_or(self.line, |start| start.line)
    }

    fn note(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                // The second half of CR LF.
                b'\n' if self.after_cr => self.after_cr = false,
                b'\n' | b'\r' => {
                    self.line = self.line.saturating_add(1);
                    self.at_start = true;
                    self.after_cr = *byte == b'\r';
                }
                _ => {
                    if self.at_start {
                        self.starts.push_back(LineStart { offset: self.offset, line: self.line });
                    }
                    self.at_start = false;
                    self.after_cr = false;
                }
            }
            self.offset = self.offset.saturating_add(1);
        }
    }
}

impl<R: Read> Read for Numbered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.note(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}
