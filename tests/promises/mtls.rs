//! TLS that the gateway ends itself, and tokens that are bound to the certificate of the client that
//! got them (RFC 8705). Certificates are made by openssl.

use std::path::Path;
use std::process::Command;

use reqwest::{Certificate, Client, Identity};
use serde_json::{Value, json};
use tallystick::settings::{ClientCertificates, TlsSettings};

use crate::harness::{Answer, Store, TestApp, Trial, assertion, payment};

fn openssl(folder: &Path, arguments: &str) {
    let output =
        Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A self-signed certificate and its key, each a file of that name.
fn self_signed(folder: &Path, name: &str, more: &str) {
    std::fs::write(folder.join("request.cnf"), "[req]\ndistinguished_name = name\n[name]\n")
        .unwrap();
    let key = "req -x509 -config request.cnf -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    let files = format!("-days 2 -keyout {name}.key -out {name}.crt -subj /CN={name}");
    openssl(folder, &format!("{key} {files} {more}"));
}

const END: &str = "-addext basicConstraints=critical,CA:FALSE";

fn settings(folder: &Path, client_certificates: ClientCertificates) -> TlsSettings {
    self_signed(folder, "server", &format!("{END} -addext subjectAltName=IP:127.0.0.1"));
    TlsSettings {
        certificate: folder.join("server.crt"),
        key: folder.join("server.key"),
        client_certificates: Some(client_certificates),
    }
}

/// A client that trusts our server only, and comes with that certificate, or with none.
fn client(folder: &Path, certificate: Option<&str>) -> Client {
    let read = |name: String| std::fs::read(folder.join(name)).unwrap();
    let server = Certificate::from_pem(&read("server.crt".to_owned())).unwrap();
    let client = Client::builder().tls_certs_only([server]);
    match certificate {
        None => client.build().unwrap(),
        Some(name) => {
            let pem = [read(format!("{name}.crt")), read(format!("{name}.key"))].concat();
            client.identity(Identity::from_pem(&pem).unwrap()).build().unwrap()
        }
    }
}

fn url(app: &TestApp) -> String {
    app.url().replace("http://", "https://")
}

async fn ask_token(app: &TestApp, client: &Client) -> Answer {
    let id = "mtls-basket";
    let issuer = app.trial.settings.issuer.clone().unwrap();
    let assertion = assertion(id, &issuer, app.trial.key(id));
    let form = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", assertion.as_str()),
    ];
    Answer::of(client.post(url(app) + "/oauth/token").form(&form)).await
}

async fn post(app: &TestApp, client: &Client, token: &str, event: &Value) -> u16 {
    let request = client.post(url(app) + "/v1/events").bearer_auth(token).json(event);
    Answer::of(request).await.status.as_u16()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_bound_to_the_certificate_of_the_client_that_got_it() {
    for store in [Store::Sqlite, Store::Postgres] {
        let mut trial = Trial::on(store);
        let folder = trial.folder.path().to_owned();
        trial.settings.tls = Some(settings(&folder, ClientCertificates::Any));
        trial.run(async |app| bound(app, &folder).await).await;
    }
}

async fn bound(app: &mut TestApp, folder: &Path) {
    self_signed(folder, "ours", END);
    self_signed(folder, "thiefs", END);
    let (ours, thief) = (client(folder, Some("ours")), client(folder, Some("thiefs")));
    let nobody = client(folder, None);
    let refused = ask_token(app, &nobody).await;
    assert_eq!((refused.status.as_u16(), &refused.body["error"]), (400, &json!("invalid_request")));
    let answer = ask_token(app, &ours).await;
    assert_eq!((answer.status.as_u16(), &answer.body["token_type"]), (200, &json!("Bearer")));
    let token = answer.body["access_token"].as_str().unwrap();
    let event = payment("p-1", "m-1", "10.00", "0.00");
    assert_eq!(post(app, &thief, token, &event).await, 401);
    assert_eq!(post(app, &nobody, token, &event).await, 401);
    assert_eq!(post(app, &ours, token, &event).await, 201);
    // Another connection with the same certificate is the same client's.
    assert_eq!(post(app, &client(folder, Some("ours")), token, &event).await, 200);
    let metadata = nobody.get(url(app) + "/.well-known/oauth-authorization-server");
    let metadata = Answer::of(metadata).await;
    assert_eq!(metadata.body["tls_client_certificate_bound_access_tokens"], true);
    let alias = &metadata.body["mtls_endpoint_aliases"]["token_endpoint"];
    assert_eq!(*alias, metadata.body["token_endpoint"]);
    assert!(metadata.headers.contains_key("strict-transport-security"));
    // Who speaks no TLS is not answered.
    assert!(Client::new().get(app.url() + "/healthz").send().await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_authorities_are_named_only_their_certificates_are_taken() {
    let mut trial = Trial::on(Store::Sqlite);
    let folder = trial.folder.path().to_owned();
    self_signed(&folder, "authority", "-addext basicConstraints=critical,CA:TRUE");
    let make = "req -config request.cnf -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout issued.key";
    openssl(&folder, &format!("{make} -out issued.csr -subj /CN=issued"));
    std::fs::write(folder.join("extensions"), "extendedKeyUsage=clientAuth\n").unwrap();
    let sign = "x509 -req -in issued.csr -CA authority.crt -CAkey authority.key -CAcreateserial";
    openssl(&folder, &format!("{sign} -days 2 -extfile extensions -out issued.crt"));
    let authorities = ClientCertificates::IssuedBy(folder.join("authority.crt"));
    trial.settings.tls = Some(settings(&folder, authorities));
    trial
        .run(async |app| {
            self_signed(&folder, "own", END);
            assert_eq!(ask_token(app, &client(&folder, Some("issued"))).await.status, 200);
            assert_eq!(ask_token(app, &client(&folder, None)).await.status, 400);
            let own = client(&folder, Some("own")).get(url(app) + "/healthz").send().await;
            assert!(own.is_err(), "{own:?}");
        })
        .await;
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_named_at_the_start() {
    let mut trial = Trial::on(Store::Sqlite);
    let folder = trial.folder.path().to_owned();
    let tls = settings(&folder, ClientCertificates::Any);
    std::fs::write(&tls.key, "no key").unwrap();
    trial.settings.tls = Some(tls);
    let refused = tallystick::app::App::start(trial.settings.clone()).await;
    let said = refused.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(said.contains("server.key"), "{said}");
}
