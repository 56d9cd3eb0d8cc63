//! Summaries and descriptions of operations. A summary is one short sentence; the description is the
//! whole text, without what is for readers of the source only.

use utoipa::openapi::OpenApi;
use utoipa::openapi::path::Operation;

/// Where the part of a docstring begins that is for readers of the source.
const FOR_SOURCE: &str = "# Errors";
/// A longer first sentence is cut at a word.
const SUMMARY_MAX: usize = 100;

/// Gives each operation a short summary and a description.
pub fn tidy(document: &mut OpenApi) {
    for item in document.paths.paths.values_mut() {
        let operations = [
            &mut item.get,
            &mut item.post,
            &mut item.head,
            &mut item.put,
            &mut item.patch,
            &mut item.delete,
        ];
        operations.into_iter().flatten().for_each(describe);
    }
}

fn describe(operation: &mut Operation) {
    let first = operation.summary.take().unwrap_or_default();
    let rest = operation.description.take().unwrap_or_default();
    let whole = format!("{first}\n\n{rest}");
    let said = whole.split(FOR_SOURCE).next().unwrap_or_default().trim().to_owned();
    operation.summary = Some(summary(&said));
    operation.description = Some(said);
}

/// The first sentence, on one line and without its end.
fn summary(text: &str) -> String {
    let line = text.split("\n\n").next().unwrap_or_default().replace('\n', " ");
    let ends = [". ", ": ", "; "].iter().filter_map(|end| line.find(end));
    let sentence = ends.min().and_then(|end| line.get(..end)).unwrap_or(&line);
    let mut short = String::new();
    for word in sentence.trim_end_matches('.').split(' ') {
        if !short.is_empty() {
            if short.len().saturating_add(word.len()) >= SUMMARY_MAX {
                break;
            }
            short.push(' ');
        }
        short.push_str(word);
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_the_first_sentence_and_no_more() {
        assert_eq!(summary("One event: a CloudEvent. Answered."), "One event");
        assert_eq!(summary("The receipt.\n\nMore."), "The receipt");
        assert!(summary(&"word ".repeat(60)).len() <= SUMMARY_MAX);
    }
}
