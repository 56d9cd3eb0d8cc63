//! What fuzzing has found goes through the same doors again, so that a crash once found stays found. `make fuzz`
//! keeps the inputs.

use std::path::Path;

#[path = "../fuzz/entry.rs"]
mod entry;

/// Inputs of each target in a folder, at least: an empty one would prove nothing.
const LEAST: usize = 5;

fn replay(target: &str, door: fn(&[u8])) {
    for folder in ["seeds", "corpus"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz").join(folder);
        let files = std::fs::read_dir(folder.join(target)).unwrap();
        let files: Vec<_> = files.map(|it| it.unwrap().path()).collect();
        assert!(files.len() >= LEAST, "{target} has {} inputs", files.len());
        for file in files {
            let bytes = std::fs::read(&file).unwrap();
            let done = std::panic::catch_unwind(|| door(&bytes));
            assert!(done.is_ok(), "{} goes wrong again", file.display());
        }
    }
}

#[test]
fn events_found_by_fuzzing_are_read_or_refused() {
    replay("event", entry::event);
}

#[test]
fn manifests_found_by_fuzzing_are_read_or_refused() {
    replay("manifest", entry::manifest);
}

#[test]
fn payments_files_found_by_fuzzing_are_read_or_refused() {
    replay("payments_file", entry::payments_file);
}

#[test]
fn assertions_found_by_fuzzing_let_nobody_in() {
    replay("assertion", entry::assertion);
}

#[test]
fn signatures_found_by_fuzzing_prove_what_they_prove() {
    replay("signature", entry::signature);
}
