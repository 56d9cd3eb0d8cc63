//! A partner is a folder: checked by one command, refused with file, line and key.

use std::path::Path;
use std::process::{Command, Output};

use crate::harness::{Store, Trial};

fn tallystick(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tallystick"))
        .current_dir(folder)
        .env("TALLYSTICK_PARTNERS", folder.join("partners"))
        .args(arguments)
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8([output.stdout.clone(), output.stderr.clone()].concat()).unwrap()
}

#[test]
fn the_partners_that_are_shipped_are_in_order() {
    let output = tallystick(Path::new(env!("CARGO_MANIFEST_DIR")), &["partners", "check"]);
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("supermarket") && said.ends_with("all in order\n"), "{said}");
}

#[test]
fn an_example_that_does_not_come_out_is_shown_side_by_side() {
    let trial = Trial::on(Store::Sqlite);
    let folder = trial.settings.partners.join("green-basket/examples");
    std::fs::create_dir(&folder).unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("partners/green-basket/examples");
    let text = std::fs::read_to_string(shipped.join("01-spend-and-save.json")).unwrap();
    std::fs::write(folder.join("wrong.json"), text.replace("170.00 PTS", "171.00 PTS")).unwrap();
    let output = tallystick(trial.folder.path(), &["partners", "check"]);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said.contains("event 2: postings\n  expected [\"points_available 171.00 PTS\""),
        "{said}"
    );
}

#[test]
fn a_partner_that_does_business_without_a_bound_is_refused() {
    let trial = Trial::bounded_on(Store::Sqlite);
    let folder = trial.folder.path();
    let manifest = trial.settings.partners.join("corner-basket/partner.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, text.replace("status = \"sandbox\"", "status = \"full\"")).unwrap();
    let bounded = tallystick(folder, &["partners", "check"]);
    assert!(bounded.status.success(), "{}", said(&bounded));
    let programme = trial.settings.partners.join("programme.toml");
    let text = std::fs::read_to_string(&programme).unwrap();
    let (before, entry) = text.split_once("[[exposure]]\nid = \"form-total-day\"").unwrap();
    let (_gone, after) = entry.split_once("\n\n").unwrap();
    std::fs::write(&programme, format!("{before}{after}")).unwrap();
    let lacking = tallystick(folder, &["partners", "check"]);
    assert_eq!(lacking.status.code(), Some(1));
    let told = said(&lacking);
    assert!(told.contains("a form, and no limit of its exposure in all by day"), "{told}");
}

#[test]
fn a_key_made_for_a_partner_lets_it_in_and_stays_with_it() {
    let trial = Trial::on(Store::Sqlite);
    let folder = trial.folder.path();
    for alg in ["EdDSA", "ES256"] {
        let output =
            tallystick(folder, &["partners", "keygen", "green-basket", "--alg", alg, "--add"]);
        assert!(output.status.success(), "{}", said(&output));
    }
    let private: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .flatten()
        .filter(|file| file.file_name().to_string_lossy().ends_with(".private.jwk.json"))
        .collect();
    assert_eq!(private.len(), 2);
    for file in private {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    let check = tallystick(folder, &["partners", "check"]);
    assert!(said(&check).contains("green-basket (supermarket, 3 keys)"), "{}", said(&check));
    let nobody = tallystick(folder, &["partners", "keygen", "nobody"]);
    assert!(said(&nobody).contains("make the partner's folder first"), "{}", said(&nobody));
}

/// Each change of a manifest that is right, and what is said against it.
#[test]
fn a_manifest_that_is_wrong_is_refused_with_file_line_and_key() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("partners/green-basket");
    let good = std::fs::read_to_string(shipped.join("partner.toml")).unwrap();
    let parse = |text: &str| {
        tallystick::partner::Partner::parse(text, "p.toml", "green-basket", &Default::default())
    };
    assert!(parse(&good).is_ok());
    let cases = [
        ("kind = \"supermarket\"", "kind = \"market\"", "market"),
        ("status = \"sandbox\"", "status = \"sandbox\"\ncolour = 1", "colour"),
        ("id = \"green-basket\"", "id = \"blue\"", "id: expected \"green-basket\""),
        ("partner_share = \"0.40\"", "partner_share = \"1.40\"", "expected a share"),
        ("partner_share = \"0.40\"", "partner_share = 0.40", "in quotes"),
        ("points_per_unit = \"1\"", "points_per_unit = \"one\"", "not a decimal"),
        ("rounding = \"down\"", "rounding = \"nearest\"", "nearest"),
        ("from = \"2016-01-01\"", "from = \"2016-13-01\"", "out of range"),
        ("save = \"30.00\"", "save = \"200.00\"", "a step saves all that is spent"),
        ("spend = \"400.00\"", "spend = \"100.00\"", "steps must rise"),
        ("scopes = [\"events:write\"", "scopes = [\"events:all\"", "events:all"),
    ];
    for (from, to, expected) in cases {
        assert!(good.contains(from), "{from}");
        let changed = good.replacen(from, to, 1);
        let error = parse(&changed).unwrap_err();
        let line =
            good.lines().position(|line| line.contains(from.lines().next().unwrap())).unwrap();
        assert!(error.what.contains(expected), "{to}: {error}");
        assert_eq!(error.file, "p.toml");
        assert!(error.line.abs_diff(line + 1) <= 7, "{to}: line {} for {}", error.line, line + 1);
    }
    let second = good.clone()
        + "\n[[earning]]\nid = \"base\"\nversion = 2\nfrom = \"2026-01-01\"\n\
           points_per_unit = \"2\"\nrounding = \"down\"\npartner_share = \"0\"\n";
    let error = parse(&second).unwrap_err();
    assert!(error.what.contains("versions 1 and 2 are in force on the same day"), "{error}");
    let private = good
        + "\n[[access.keys]]\nkid = \"k\"\nalg = \"EdDSA\"\n\
           jwk = { kty = \"OKP\", crv = \"Ed25519\", x = \"AA\", d = \"AA\" }\n";
    assert!(parse(&private).unwrap_err().what.contains("private key"), "{private}");
}
