//! What a gateway waits for, and for how long: a database that is not there yet, and a CRM that asks to
//! be left alone for a year.

use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::harness::{Store, Trial};

/// `tallystick migrate` with these settings.
fn migrate(trial: &Trial, url: &str, more: &[(&str, &str)]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_tallystick"))
        .current_dir(trial.folder.path())
        .args(["program", "due"])
        .env("DATABASE_URL", url)
        .env("TALLYSTICK_PARTNERS", &trial.settings.partners)
        .env("TALLYSTICK_KEYS", trial.folder.path().join("waiting.keys"))
        .envs(more.iter().copied())
        .output()
        .unwrap()
}

/// A port on which nobody listens.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn a_database_that_does_not_answer_is_waited_for_as_long_as_the_settings_say() {
    let trial = Trial::on(Store::Sqlite);
    let url = format!("postgres://nobody:secret@127.0.0.1:{}/none", free_port());
    let begun = Instant::now();
    let gone = migrate(&trial, &url, &[("TALLYSTICK_DATABASE_WAIT_SECONDS", "2")]);
    assert!(!gone.status.success());
    assert!(begun.elapsed() >= Duration::from_secs(2));
    let log = String::from_utf8(gone.stderr).unwrap();
    assert!(log.contains("waiting for it") && !log.contains("secret"), "{log}");
    // No keys are made for a service that did not start.
    assert!(!trial.folder.path().join("waiting.keys").exists());
}

#[test]
fn a_file_that_the_settings_name_is_missed_before_anything_is_made() {
    let trial = Trial::on(Store::Sqlite);
    let database = trial.folder.path().join("fresh.db");
    let output = Command::new(env!("CARGO_BIN_EXE_tallystick"))
        .current_dir(trial.folder.path())
        .arg("serve")
        .env("DATABASE_URL", format!("sqlite://{}", database.display()))
        .env("TALLYSTICK_PARTNERS", &trial.settings.partners)
        .env("TALLYSTICK_KEYS", trial.folder.path().join("fresh.keys"))
        .env("TALLYSTICK_LISTEN", "127.0.0.1:0")
        .env("TALLYSTICK_STAFF_TOKENS__ISSUER", "https://staff.test")
        .env("TALLYSTICK_STAFF_TOKENS__AUDIENCE", "tallystick")
        .env("TALLYSTICK_STAFF_TOKENS__JWKS", "no-such-file.json")
        .output()
        .unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && log.contains("no-such-file.json"), "{log}");
    assert!(!database.exists() && !trial.folder.path().join("fresh.keys").exists());
}

#[test]
fn a_key_file_that_others_may_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;

    let trial = Trial::on(Store::Sqlite);
    let database = format!("sqlite://{}", trial.folder.path().join("keys.db").display());
    assert!(migrate(&trial, &database, &[]).status.success());
    let keys = trial.folder.path().join("waiting.keys");
    for mode in [0o644, 0o640, 0o660] {
        std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(mode)).unwrap();
        let refused = migrate(&trial, &database, &[]);
        let log = String::from_utf8(refused.stderr).unwrap();
        assert!(!refused.status.success() && log.contains("chmod 600"), "{log}");
    }
    std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert!(migrate(&trial, &database, &[]).status.success());
}
