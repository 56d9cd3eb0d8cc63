//! Many events at once: a batch, a stream, a file.

use reqwest::Method;
use serde_json::{Value, json};

use super::report::Rule;
use super::walk::{MANY, Walk};
use crate::clock;

pub async fn lanes(walk: &mut Walk) {
    batch(walk).await;
    stream(walk).await;
    file(walk).await;
}

/// A good one, a bad one, a good one.
fn three(walk: &Walk, names: [&str; 2]) -> [Value; 3] {
    let [first, last] = names.map(|name| walk.payment(name, "5.00"));
    [first, json!({}), last]
}

fn statuses<'a>(outcomes: impl IntoIterator<Item = &'a Value>) -> Vec<u64> {
    outcomes.into_iter().filter_map(|it| it.get("status")?.as_u64()).collect()
}

async fn batch(walk: &mut Walk) {
    let batch = json!(three(walk, ["b-1", "b-2"]));
    let answer = walk.visitor.post("/v1/events:batch", &batch, &[]).await;
    let outcomes = answer.body.pointer("/outcomes").and_then(Value::as_array);
    let statuses = statuses(outcomes.into_iter().flatten());
    let rule = Rule::of(MANY, "a bad event of a batch fails only itself");
    walk.note(rule, statuses == [201, 422, 201], format!("{} {statuses:?}", answer.in_words()));
}

async fn stream(walk: &mut Walk) {
    let rule = Rule::of(MANY, "a stream is answered line by line (NDJSON)");
    if walk.partner.access.signed_requests {
        walk.skip(rule, "what must be signed cannot come as a stream");
        return;
    }
    let lines: String = three(walk, ["s-1", "s-2"]).iter().map(|it| format!("{it}\n")).collect();
    let path = "/v1/events:stream";
    let request = walk.visitor.request(Method::POST, path).body(lines);
    let request = request.header("content-type", "application/x-ndjson");
    let answer = walk.visitor.send_as_partner(&Method::POST, path, request).await;
    let statuses = statuses(answer.body.as_array().into_iter().flatten());
    walk.note(rule, statuses == [201, 422, 201], format!("{} {statuses:?}", answer.in_words()));
}

/// What is in a file is for the partner's own columns: here it is begun, asked for and given up.
async fn file(walk: &mut Walk) {
    let rule = Rule::of(MANY, "a file's upload is begun, and can be resumed or given up (tus)");
    if !walk.may("files:write") || walk.partner.access.signed_requests {
        walk.skip(rule, "the manifest does not let it upload files");
        return;
    }
    let visitor = &walk.visitor;
    let day = clock::now().utc().date_naive().to_string();
    let begin = visitor.request(Method::POST, "/v1/uploads").header("tus-resumable", "1.0.0");
    let metadata = format!("business_date {}", base64_of(&day));
    let begin = begin.header("upload-length", 100).header("upload-metadata", metadata);
    let begun = visitor.send_as_partner(&Method::POST, "/v1/uploads", begin).await;
    let path = begun.header("location").to_owned();
    let mut seen = vec![begun.status];
    if begun.status == 201 {
        for method in [Method::HEAD, Method::DELETE] {
            let request = visitor.request(method.clone(), &path).header("tus-resumable", "1.0.0");
            seen.push(visitor.send_as_partner(&method, &path, request).await.status);
        }
    }
    let fits = seen == [201, 200, 204];
    walk.note(rule, fits, format!("{} {seen:?}", begun.in_words()));
}

fn base64_of(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}
