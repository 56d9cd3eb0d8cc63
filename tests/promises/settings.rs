//! Settings come from defaults, file and environment; what is wrong is refused by its name.

use std::process::Command;

/// What `tallystick migrate` says on standard error with these settings.
fn refused(file: Option<&str>, environment: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tallystick"));
    command.current_dir(folder.path()).arg("migrate").env_remove("DATABASE_URL");
    if let Some(text) = file {
        std::fs::write(folder.path().join("settings.toml"), text).unwrap();
        command.args(["--settings", "settings.toml"]);
    }
    let output = command.envs(environment.iter().copied()).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn an_unknown_key_is_refused_by_its_name_wherever_it_stands() {
    let said = refused(Some("lisen = \"127.0.0.1:1\"\n"), &[]);
    assert!(said.contains("lisen") && said.contains("settings.toml"), "{said}");
    assert!(said.contains("listen"), "it should say which keys there are: {said}");
    let said = refused(None, &[("TALLYSTICK_LISEN", "127.0.0.1:1")]);
    assert!(said.contains("lisen") && said.contains("environment"), "{said}");
    let said = refused(Some("[log]\ncolour = true\n"), &[]);
    assert!(said.contains("colour"), "{said}");
}

#[test]
fn a_bad_value_is_refused_with_what_was_expected() {
    for (name, value, key, expected) in [
        ("DATABASE_URL", "mysql://x/y", "database_url", "expected postgres://"),
        ("TALLYSTICK_LISTEN", "here", "listen", "such as 127.0.0.1:8080"),
        ("TALLYSTICK_TIME_ZONE", "Mars", "time_zone", "such as Asia/Shanghai"),
        ("TALLYSTICK_WORKERS", "many", "workers", "many"),
        ("TALLYSTICK_LOG__FORMAT", "xml", "log.format", "text"),
        ("TALLYSTICK_LOG__LEVEL", "a=b=c", "log.level", "expected such as"),
    ] {
        let said = refused(None, &[(name, value)]);
        assert!(said.contains(key) && said.contains(expected), "{name}={value}: {said}");
    }
}

#[test]
fn the_environment_goes_before_the_file_and_the_file_before_the_defaults() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| format!("sqlite://{}", folder.path().join(name).display());
    let file = folder.path().join("settings.toml");
    std::fs::write(&file, format!("database_url = \"{}\"\n", at("file.db"))).unwrap();
    let migrate = |environment: &[(&str, &str)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tallystick"));
        command.current_dir(folder.path()).arg("migrate").env_remove("DATABASE_URL");
        command.arg("--settings").arg(&file).envs(environment.iter().copied());
        assert!(command.status().unwrap().success());
    };
    migrate(&[]);
    assert!(folder.path().join("file.db").exists());
    migrate(&[("DATABASE_URL", &at("environment.db"))]);
    assert!(folder.path().join("environment.db").exists());
    assert!(!folder.path().join("tallystick.db").exists());
}

#[test]
fn tokens_of_customers_and_of_staff_must_be_told_apart() {
    let tokens = |table: &str, audience: &str| {
        format!(
            "[{table}]\nissuer = \"https://login.test\"\naudience = \"{audience}\"\n\
             jwks = \"jwks.json\"\n"
        )
    };
    let same = tokens("customer_tokens", "tallystick") + &tokens("staff_tokens", "tallystick");
    let said = refused(Some(&same), &[]);
    assert!(said.contains("customer_tokens and staff_tokens: expected another"), "{said}");
}
