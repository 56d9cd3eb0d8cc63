use super::json::read_json;
use super::problem::{FieldProblem, Malformed};
use super::reader::FieldReader;
use crate::partner::limits::EventLimits;

/// Reads a JSON object field by field, and reports all problems, not only the first.
pub fn read_object<T>(
    body: &[u8],
    read: impl FnOnce(&mut FieldReader<'_>) -> Option<T>,
) -> Result<T, Malformed> {
    read_limited(body, None, read)
}

/// Reads a JSON object as [`read_object`] does, and refuses amounts beyond the limits.
pub fn read_object_within<T>(
    body: &[u8],
    limits: &EventLimits,
    read: impl FnOnce(&mut FieldReader<'_>) -> Option<T>,
) -> Result<T, Malformed> {
    read_limited(body, Some(limits), read)
}

fn read_limited<T>(
    body: &[u8],
    limits: Option<&EventLimits>,
    read: impl FnOnce(&mut FieldReader<'_>) -> Option<T>,
) -> Result<T, Malformed> {
    let value = read_json(body)?;
    let mut problems: Vec<FieldProblem> = Vec::new();
    let done = FieldReader::new(&value, "", &mut problems).and_then(|body| {
        let mut body = body.within(limits);
        let done = read(&mut body);
        body.finish();
        done
    });
    match done {
        Some(done) if problems.is_empty() => Ok(done),
        _ => Err(Malformed::Fields(problems)),
    }
}
