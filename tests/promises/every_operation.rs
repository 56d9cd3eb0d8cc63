//! Access, asked of every operation that the API's own description lists: without a token, with a
//! token of the wrong kind, without the scope or the role, and with the id of something that belongs
//! to another. An operation that these tests cannot judge fails them.

#![expect(clippy::panic, reason = "an operation that cannot be judged fails the test")]

use std::collections::{BTreeMap, BTreeSet};

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tallystick::settings::{CrmFeedbackSettings, Secret};

use crate::attachments::attach;
use crate::confirmations::asking;
use crate::exposure::redemption;
use crate::harness::{
    Answer, Partner, TestApp, Trial, assertion, customer, member, payment, phone_of, referral,
    wait_for,
};
use crate::reconcile::asked_break;
use crate::statement_uploads::begin_statement;
use crate::uploads::{DAY, begin, file, upload};

/// Operations that anybody may call, each with its reason.
const PUBLIC: [(&str, &str); 9] = [
    ("get_jwks", "public keys, to verify receipts with"),
    ("get_sandbox_jwks", "public keys, to verify the sandbox's receipts with"),
    ("get_metadata", "where tokens are had"),
    ("get_resource_metadata", "where tokens are had"),
    ("get_health", "for the machine that watches the service"),
    ("get_readiness", "for the machine that watches the service"),
    ("issue_token", "its client assertion is the proof"),
    ("revoke_token", "its client assertion is the proof"),
    ("post_feedback", "the CRM's signature is the proof: asked below"),
];

/// An id of each kind that nothing has, by the name of the path's parameter.
const NOBODYS: [(&str, &str); 24] = [
    ("announcement", "none"),
    ("attachment", NO_UUID),
    ("bank_break", "00000000000000000000000000000000"),
    ("break", "00000000000000000000000000000000"),
    ("consent", NO_UUID),
    ("correction", "none"),
    ("customer", NO_UUID),
    ("endpoint", NO_UUID),
    ("erasure", "none"),
    ("event", "none"),
    ("held", NO_UUID),
    ("import", NO_UUID),
    ("kind", "none"),
    ("message", NO_UUID),
    ("partner", "none"),
    ("period", "2001-01"),
    ("redemption", NO_UUID),
    ("referral", NO_UUID),
    ("run", NO_UUID),
    ("separation", NO_UUID),
    ("statement", NO_UUID),
    ("statement_upload", NO_UUID),
    ("task", NO_UUID),
    ("transaction", NO_UUID),
];
const NO_UUID: &str = "01a20983-8fb2-701e-8500-271b9da18260";

/// Parameters that name what belongs to nobody: the same for every caller.
const SHARED: [&str; 3] = ["kind", "partner", "period"];

/// What stands in the headers that some operations require.
const HEADERS: [(&str, &str); 6] = [
    ("tus-resumable", "1.0.0"),
    ("upload-length", "5"),
    (
        "upload-metadata",
        "business_date MjAyNi0xMS0wMQ==,period MjAyNi0xMQ==,partner Z3JlZW4tYmFza2V0",
    ),
    ("upload-offset", "0"),
    ("webhook-id", "m-1"),
    ("webhook-timestamp", "1"),
];

/// Who may call an operation: one of the alternatives that its description names.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Caller {
    Partner { scope: String },
    Customer,
    Staff { role: String },
    Crm,
}

struct Operation {
    id: String,
    method: Method,
    path: String,
    callers: Vec<Caller>,
    described: Value,
}

impl Operation {
    fn read(method: &str, path: &str, described: &Value) -> Self {
        let id = described["operationId"].as_str().unwrap().to_owned();
        let alternatives = described["security"].as_array();
        let alternatives = alternatives.unwrap_or_else(|| panic!("{id}: says nothing of access"));
        let callers = alternatives.iter().flat_map(|alternative| {
            let schemes = alternative.as_object().unwrap();
            assert!(schemes.len() < 2, "{id}: two proofs at once cannot be judged: {alternative}");
            schemes.iter().map(|(scheme, rights)| caller(&id, scheme, rights))
        });
        Self {
            method: Method::from_bytes(method.to_uppercase().as_bytes()).unwrap(),
            path: path.to_owned(),
            callers: callers.collect(),
            described: described.clone(),
            id,
        }
    }

    fn is_public(&self) -> bool {
        PUBLIC.iter().any(|(id, _)| *id == self.id)
    }

    /// The names of the path's parameters.
    fn parameters(&self) -> Vec<&str> {
        let names = self.path.split('{').skip(1);
        names.map(|rest| rest.split('}').next().unwrap()).collect()
    }

    /// A well-formed request, with the example of the description as its body. `ids` names what the
    /// path's parameters stand for; what it does not name stands for nothing.
    fn request(&self, app: &TestApp, ids: &BTreeMap<String, String>) -> RequestBuilder {
        let mut path = self.path.clone();
        for name in self.parameters() {
            let nobodys = NOBODYS.iter().find(|(known, _)| *known == name);
            let (_, nobodys) = nobodys.unwrap_or_else(|| {
                panic!("{}: no sample of {{{name}}}: give it one in NOBODYS", self.id)
            });
            let id = ids.get(name).map_or(*nobodys, String::as_str);
            path = path.replace(&format!("{{{name}}}"), id);
        }
        let mut request =
            reqwest::Client::new().request(self.method.clone(), format!("{}{path}", app.url()));
        for parameter in self.described["parameters"].as_array().into_iter().flatten() {
            if parameter["in"] == "header" && parameter["required"] == true {
                let name = parameter["name"].as_str().unwrap().to_lowercase();
                let known = HEADERS.iter().find(|(known, _)| *known == name);
                let (_, value) = known.unwrap_or_else(|| {
                    panic!("{}: no sample of the header {name}: give it one in HEADERS", self.id)
                });
                request = request.header(&name, *value);
            }
        }
        let Some(content) = self.described["requestBody"]["content"].as_object() else {
            return request;
        };
        let (kind, body) = content.iter().next().unwrap();
        let example = body["examples"].as_object().unwrap().values().next().unwrap();
        let text = match &example["value"] {
            Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        request.header("content-type", kind).body(text)
    }

    async fn call(
        &self,
        app: &TestApp,
        token: Option<&str>,
        ids: &BTreeMap<String, String>,
    ) -> Answer {
        let request = self.request(app, ids);
        Answer::of(match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        })
        .await
    }
}

fn caller(id: &str, scheme: &str, rights: &Value) -> Caller {
    let rights: Vec<&str> =
        rights.as_array().unwrap().iter().map(|right| right.as_str().unwrap()).collect();
    match (scheme, rights.as_slice()) {
        ("partner", [scope]) => Caller::Partner { scope: (*scope).to_owned() },
        ("staff", [role]) => Caller::Staff { role: (*role).to_owned() },
        ("customer", []) => Caller::Customer,
        ("crm", []) => Caller::Crm,
        _ => panic!("{id}: access by {scheme} {rights:?} cannot be judged"),
    }
}

async fn operations(app: &TestApp) -> Vec<Operation> {
    let document = reqwest::Client::new().get(app.url() + "/openapi.json");
    let document = Answer::of(document).await.body;
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, described) in item.as_object().unwrap() {
            if ["get", "head", "post", "put", "patch", "delete"].contains(&method.as_str()) {
                operations.push(Operation::read(method, path, described));
            }
        }
    }
    assert!(operations.len() > 70, "{} operations", operations.len());
    operations
}

/// Every scope and every role that an operation asks for.
fn rights(operations: &[Operation]) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut scopes, mut roles) = (BTreeSet::new(), BTreeSet::new());
    for caller in operations.iter().flat_map(|operation| &operation.callers) {
        match caller {
            Caller::Partner { scope } => drop(scopes.insert(scope.clone())),
            Caller::Staff { role } => drop(roles.insert(role.clone())),
            Caller::Customer | Caller::Crm => {}
        }
    }
    (scopes, roles)
}

async fn token_with(app: &TestApp, partner: &str, scopes: &[&String]) -> String {
    let issuer = app.trial.settings.issuer.clone().unwrap();
    let assertion = assertion(partner, &issuer, app.trial.key(partner));
    let scope = scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" ");
    let answer = Partner::ask_token(&app.url(), &assertion, &[("scope", &scope)]).await;
    assert_eq!(answer.status, 200, "{scope}: {answer:?}");
    answer.body["access_token"].as_str().unwrap().to_owned()
}

/// The status and the problem; a HEAD has no body, so only its status.
fn is_refused(operation: &Operation, answer: &Answer, status: u16, slug: &str) -> bool {
    let (seen, problem) = answer.told();
    seen == status && (problem == slug || operation.method == Method::HEAD)
}

on_both_stores! {
    async fn every_operation_asks_who_calls(app) {
        let operations = operations(app).await;
        let (all_scopes, all_roles) = rights(&operations);
        let all_scopes: Vec<&String> = all_scopes.iter().collect();
        let partner = token_with(app, "sunny-travel", &all_scopes).await;
        let mut without_scope = BTreeMap::new();
        for scope in &all_scopes {
            let others: Vec<_> = all_scopes.iter().copied().filter(|other| other != scope).collect();
            without_scope.insert(*scope, token_with(app, "sunny-travel", &others).await);
        }
        let all_roles: Vec<&str> = all_roles.iter().map(String::as_str).collect();
        let staff = app.trial.staff_token("ann", &all_roles);
        let customer = app.trial.customer_token("c-1");
        let none = BTreeMap::new();
        for operation in &operations {
            let name = format!("{} {}", operation.method, operation.path);
            let is_open = operation.callers.is_empty() || operation.callers == [Caller::Crm];
            assert_eq!(is_open, operation.is_public(), "{name}: listed in PUBLIC, or asks who calls");
            if is_open {
                continue;
            }
            for token in [None, Some("x.y.z")] {
                let answer = operation.call(app, token, &none).await;
                assert_eq!(answer.status, 401, "{name} with {token:?}: {answer:?}");
                let challenge = answer.headers["www-authenticate"].to_str().unwrap();
                assert!(challenge.starts_with("Bearer"), "{name}: {challenge}");
            }
            let takes = |is_one: fn(&Caller) -> bool| operation.callers.iter().any(is_one);
            for (token, known) in [
                (&partner, takes(|caller| matches!(caller, Caller::Partner { .. }))),
                (&staff, takes(|caller| matches!(caller, Caller::Staff { .. }))),
                (&customer, takes(|caller| matches!(caller, Caller::Customer))),
            ] {
                if !known {
                    let answer = operation.call(app, Some(token), &none).await;
                    assert_eq!(answer.status, 401, "{name} with a foreign token: {answer:?}");
                }
            }
            for caller in &operation.callers {
                let (token, slug) = match caller {
                    Caller::Partner { scope } => (without_scope[scope].clone(), "insufficient-scope"),
                    Caller::Staff { role } => {
                        let is_enough = |other: &&str| {
                            operation.callers.contains(&Caller::Staff { role: (*other).to_owned() })
                        };
                        let others: Vec<_> = all_roles.iter().copied().filter(|it| !is_enough(it)).collect();
                        assert!(!others.contains(&role.as_str()));
                        (app.trial.staff_token("ann", &others), "role-missing")
                    }
                    Caller::Customer | Caller::Crm => continue,
                };
                let answer = operation.call(app, Some(&token), &none).await;
                assert!(is_refused(operation, &answer, 403, slug), "{name} without {caller:?}: {answer:?}");
            }
        }
        let listed = PUBLIC.map(|(id, _)| id);
        let gone: Vec<_> = listed.iter().filter(|id| !operations.iter().any(|one| one.id == **id)).collect();
        assert!(gone.is_empty(), "PUBLIC lists operations that are no more: {gone:?}");
    }
}

on_both_stores! {
    async fn the_crm_is_believed_by_its_signature_and_by_nothing_else(store: Store) {
        let mut trial = Trial::on(store);
        let secret = "whsec_dGhpcyBpcyBhIHNlY3JldCBvZiB0ZXN0cyBvbmx5".to_owned();
        trial.settings.crm_feedback = Some(CrmFeedbackSettings { secret: Secret::new(secret) });
        trial.run(async |app: &mut TestApp| {
            let operations = operations(app).await;
            let by_crm = operations.iter().filter(|operation| operation.callers == [Caller::Crm]);
            let tokens = [
                app.partner("sunny-travel").await.token,
                app.trial.customer_token("c-1"),
                app.trial.staff_token("ann", &["manage", "operate"]),
            ];
            let mut count = 0;
            for operation in by_crm {
                for token in &tokens {
                    let answer = operation.call(app, Some(token), &BTreeMap::new()).await;
                    let (status, slug) = answer.told();
                    assert!([400, 403].contains(&status), "{}: {answer:?}", operation.id);
                    assert!(slug.starts_with("signature-"), "{}: {answer:?}", operation.id);
                }
                count += 1;
            }
            assert_eq!(count, 1, "operations of the CRM");
        })
        .await;
    }
}

/// Who owns what an operation of that scope is asked for, and a partner that has the same rights.
fn owner_and_other(scope: &str) -> (&'static str, &'static str) {
    match scope {
        "events:write" | "events:read" | "files:write" | "settlements:read"
        | "settlements:answer" | "statements:write" => ("green-basket", "blue-basket"),
        "referrals:read" | "consents:write" | "webhooks:manage" => ("sunny-travel", "moon-travel"),
        _ => panic!("{scope}: who has such things? Name two partners."),
    }
}

/// Things of those owners, by the names of the parameters.
async fn belongings(app: &TestApp, is_sandbox: bool) -> BTreeMap<String, String> {
    let (shop, travel) = (app.partner("green-basket").await, app.partner("sunny-travel").await);
    shop.record(&payment("p-1", "m-1", "100.00", "0.00")).await;
    let hook = json!({ "url": "http://127.0.0.1:9/hook", "events": ["referral.qualified"] });
    let endpoint = travel.send("/v1/webhook-endpoints", &hook).await;
    assert_eq!(endpoint.status, 201, "{endpoint:?}");
    let person = customer(app, "c-1");
    let mut event = referral("t-1", "travel-loan", "9000.00", "old-town");
    // The bank's customers link themselves to real partners only.
    if !is_sandbox {
        event["data"]["member"] = json!(member(&person, "sunny-travel").await);
    }
    let held = wait_for_customer(&shop, &person, is_sandbox).await;
    let introduced = travel.record(&event).await["referral"].clone();
    let message = wait_for("a webhook's message", async || {
        let page = travel.get("/v1/webhook-deliveries").await.body;
        page["webhook_deliveries"][0]["id"].as_str().map(str::to_owned)
    })
    .await;
    let begun = begin(&shop, 5, &DAY).await.headers["location"].to_str().unwrap().to_owned();
    let whole = upload(&shop, file(1).as_bytes(), &DAY).await;
    let statement = begin_statement(&shop, 5, &[("period", "2026-11")]).await;
    let statement = statement.headers["location"].to_str().unwrap().to_owned();
    let last = |path: &str| path.rsplit('/').next().unwrap().to_owned();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    // Partners on trial have no statements where their books are apart.
    let asked = if is_sandbox { String::new() } else { asked_break(app).await };
    let attached = if is_sandbox { String::new() } else { attach(&shop, &asked).await };
    BTreeMap::from([
        ("attachment".to_owned(), attached),
        ("break".to_owned(), asked),
        ("event".to_owned(), if is_sandbox { "h-1" } else { "p-1" }.to_owned()),
        ("redemption".to_owned(), held),
        ("referral".to_owned(), text(&introduced["id"])),
        ("consent".to_owned(), text(&introduced["consent"])),
        ("endpoint".to_owned(), text(&endpoint.body["id"])),
        ("message".to_owned(), message),
        ("import".to_owned(), last(&whole)),
        ("upload".to_owned(), last(&begun)),
        ("statement_upload".to_owned(), last(&statement)),
    ])
}

/// A hold `h-1` that waits for its customer, by the id that the customer has for it.
async fn wait_for_customer(shop: &Partner, person: &Partner, is_sandbox: bool) -> String {
    let path = if is_sandbox { "/v1/sandbox/codes" } else { "/v1/customers/me/codes" };
    let (reference, by) = if is_sandbox {
        let made = shop.send("/v1/sandbox/members", &json!({})).await;
        (made.body["member"].as_str().unwrap().to_owned(), shop)
    } else {
        (member(person, "green-basket").await, person)
    };
    shop.record(&payment("p-2", &reference, "100.00", "0.00")).await;
    let mut wish = json!({ "points": "60.00" });
    if is_sandbox {
        wish["member"] = json!(reference);
    }
    let code = by.send(path, &wish).await;
    assert_eq!(code.status, 201, "{code:?}");
    let data = json!({ "code": code.body["code"], "points": "60.00" });
    shop.record(&redemption("h-1", "held", data)).await;
    let waits = person.get("/v1/customers/me/redemptions").await.body;
    waits["redemptions"][0]["redemption"].as_str().unwrap_or_default().to_owned()
}

/// Asks for the owner's things first as another, then as the owner: the other finds nothing, and
/// the owner does, or the first answer would prove nothing.
async fn as_other_then_as_owner(
    app: &TestApp,
    operation: &Operation,
    tokens: &Tokens,
    ids: &BTreeMap<String, String>,
) {
    let name = format!("{} {}", operation.method, operation.path);
    let answer = operation.call(app, Some(&tokens.other), ids).await;
    assert!(is_refused(operation, &answer, 404, "not-found"), "{name} of another: {answer:?}");
    let answer = operation.call(app, Some(&tokens.owner), ids).await;
    let status = answer.status.as_u16();
    assert!(![401, 403, 404, 405].contains(&status), "{name} of one's own: {answer:?}");
}

struct Tokens {
    owner: String,
    other: String,
}

async fn ask_for_what_is_anothers(app: &TestApp, is_sandbox: bool) -> usize {
    let mut operations = operations(app).await;
    operations.retain(|operation| operation.path.starts_with("/v1/sandbox/") == is_sandbox);
    // What ends a thing is asked last.
    operations.sort_by_key(|operation| {
        (operation.method == Method::DELETE, operation.path.ends_with("/withdrawal"))
    });
    let ids = belongings(app, is_sandbox).await;
    let mut count = 0;
    for operation in &operations {
        let owned: Vec<_> =
            operation.parameters().into_iter().filter(|name| !SHARED.contains(name)).collect();
        if owned.is_empty() {
            continue;
        }
        let mut ids = ids.clone();
        if operation.path.starts_with("/v1/uploads/") {
            ids.insert("import".to_owned(), ids["upload"].clone());
        }
        for caller in &operation.callers {
            let tokens = match caller {
                Caller::Partner { scope } => {
                    let (owner, other) = match operation.path.starts_with("/v1/sandbox/referrals/")
                    {
                        true => ("sunny-travel", "moon-travel"),
                        false => owner_and_other(scope),
                    };
                    let (owner, other) = (app.partner(owner).await, app.partner(other).await);
                    Tokens { owner: owner.token, other: other.token }
                }
                Caller::Customer => {
                    let other = customer(app, "c-2");
                    member(&other, "sunny-travel").await;
                    // The same person's number is that of the referral.
                    let owner = app.trial.sign_customer(&json!({
                        "iss": "https://login.test", "aud": "tallystick", "sub": "c-1",
                        "phone_number": phone_of("t-1"), "phone_number_verified": true,
                    }));
                    Tokens { owner, other: other.token }
                }
                Caller::Staff { role } => {
                    // Staff own nothing: an id that nobody has is not found either.
                    let token = app.trial.staff_token("ann", &[role]);
                    let answer = operation.call(app, Some(&token), &BTreeMap::new()).await;
                    let name = format!("{} {}", operation.method, operation.path);
                    assert!(is_refused(operation, &answer, 404, "not-found"), "{name}: {answer:?}");
                    count += 1;
                    continue;
                }
                Caller::Crm => continue,
            };
            for name in &owned {
                let known = ids.contains_key(*name);
                assert!(known, "{}: nothing of that name to ask for: {name}", operation.id);
            }
            as_other_then_as_owner(app, operation, &tokens, &ids).await;
            count += 1;
        }
    }
    count
}

on_both_stores! {
    async fn what_belongs_to_another_is_not_found(store: Store) {
        let mut trial = asking(Trial::on(store));
        let tokens = trial.settings.customer_tokens.as_mut().unwrap();
        tokens.phone_claim = Some("phone_number".to_owned());
        trial.settings.webhooks.allow_http = true;
        trial.settings.webhooks.allow_private_addresses = true;
        trial.run(async |app: &mut TestApp| {
            app.leads_may_wait = true; // there is no CRM, and nobody listens at the webhook
            let count = ask_for_what_is_anothers(app, false).await;
            assert!(count > 25, "{count} were asked");
        })
        .await;
    }
}

on_both_stores! {
    async fn what_belongs_to_another_in_the_sandbox_is_not_found(store: Store) {
        let mut trial = asking(Trial::with_sandbox_on(store));
        trial.settings.webhooks.allow_http = true;
        trial.settings.webhooks.allow_private_addresses = true;
        trial.run(async |app: &mut TestApp| {
            app.leads_may_wait = true; // there is no CRM, and nobody listens at the webhook
            let count = ask_for_what_is_anothers(app, true).await;
            assert!(count > 0, "{count} were asked");
        })
        .await;
    }
}
