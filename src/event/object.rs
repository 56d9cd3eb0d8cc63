use serde_json::Value;

use super::problem::{FieldProblem, Malformed};
use super::reader::Reader;

/// Reads a JSON object field by field, with every problem found and not only the first.
pub fn read_object<T>(
    body: &[u8],
    read: impl FnOnce(&mut Reader<'_>) -> Option<T>,
) -> Result<T, Malformed> {
    let value: Value = serde_json::from_slice(body).map_err(|error| Malformed::not_json(&error))?;
    let mut problems: Vec<FieldProblem> = Vec::new();
    let done = Reader::new(&value, "", &mut problems).and_then(|mut body| {
        let done = read(&mut body);
        body.finish();
        done
    });
    match done {
        Some(done) if problems.is_empty() => Ok(done),
        _ => Err(Malformed::Fields(problems)),
    }
}
