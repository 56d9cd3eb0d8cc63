//! Tryton 8.2 with its `sale_opportunity` module, over JSON-RPC (`POST /<database>/rpc/`). None of
//! its requests is idempotent, so we look for our id before we make anything. The party carries our
//! id in its `code`, which Tryton keeps unique; the opportunity carries it in its `reference`,
//! which Tryton does not. So a request to make an opportunity that got no answer must have ended
//! before anybody looks again.
//!
//! The revision stands in the opportunity's comment and in each contact mechanism of ours. Every
//! write says for which version of the record it was made (`_timestamp` in the context), so an
//! older write never replaces a newer one.

mod changes;
mod deliver;
mod opportunity;
mod party;
mod session;
mod task;
mod withdraw;

pub(super) use changes::set_back;

use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::mapping::{Mapping, Targets};
use super::{CrmError, CrmId, wire};
use crate::settings::Secret;
use opportunity::Catalogue;
use session::Session;
use wire::unexpected;

/// The address of Tryton, and our user there.
#[derive(Clone, Debug)]
pub struct TrytonLogin {
    pub url: String,
    pub database: String,
    pub user: String,
    pub password: Secret,
}

/// A client of one Tryton database.
pub struct Tryton {
    login: TrytonLogin,
    http: Client,
    time_out: Duration,
    mapping: Mapping,
    session: Mutex<Option<Session>>,
    catalogue: Mutex<Catalogue>,
}

/// At most this many records are asked for at once; Tryton refuses more than 1,000 by default.
const PAGE: usize = 500;

pub(super) const BUILT_IN: &str = include_str!("../mapping/tryton.toml");

pub(super) const TARGETS: Targets = Targets {
    kind: "tryton",
    required: &["party.name", "opportunity.description", "opportunity.comment"],
    known: &[
        "party.name",
        "party.mobile",
        "party.phone",
        "party.email",
        "opportunity.description",
        "opportunity.comment",
        "opportunity.amount",
        "opportunity.currency",
        "opportunity.state",
        "product.code",
        "employee.code",
    ],
    reserved: &["party.code", "opportunity.reference"],
    of_task: &["note"],
};

impl Tryton {
    /// # Errors
    /// [`CrmError::Unavailable`] when no HTTP client can be made.
    pub fn new(login: TrytonLogin, mapping: Mapping, time_out: Duration) -> Result<Self, CrmError> {
        Ok(Self {
            login,
            http: wire::client(time_out)?,
            time_out,
            mapping,
            session: Mutex::new(None),
            catalogue: Mutex::default(),
        })
    }

    /// The opportunity whose reference is our id of the lead; the first one, if staff have copied
    /// it.
    pub async fn find(&self, reference: &str) -> Result<Option<CrmId>, CrmError> {
        let domain = json!([["reference", "=", reference]]);
        let found = self.search("sale.opportunity", domain, 1, &["id"]).await?;
        Ok(found.first().and_then(id_of).map(|id| CrmId(id.to_string())))
    }

    /// Every opportunity that has a reference: `(reference, id)`, oldest first.
    pub async fn references(&self) -> Result<Vec<(String, CrmId)>, CrmError> {
        let mut all = Vec::new();
        let mut last = 0;
        loop {
            let domain = json!([["reference", "!=", null], ["id", ">", last]]);
            let page = self.search("sale.opportunity", domain, PAGE, &["id", "reference"]).await?;
            for row in &page {
                let reference = row.get("reference").and_then(Value::as_str);
                let (Some(reference), Some(id)) = (reference, id_of(row)) else {
                    return Err(unexpected());
                };
                last = id;
                all.push((reference.to_owned(), CrmId(id.to_string())));
            }
            if page.len() < PAGE {
                return Ok(all);
            }
        }
    }

    /// Runs a whole delivery in at most twice the time-out.
    async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, CrmError>>,
    ) -> Result<T, CrmError> {
        match tokio::time::timeout(self.time_out.saturating_mul(2), Box::pin(work)).await {
            Ok(outcome) => outcome,
            Err(_elapsed) => Err(self.ambiguous()),
        }
    }
}

fn id_of(row: &Value) -> Option<i64> {
    row.get("id")?.as_i64()
}

/// The context of a write that only holds for the record as it was read.
fn unchanged(model: &str, id: i64, timestamp: &Value) -> Value {
    let mut known = serde_json::Map::new();
    known.insert(format!("{model},{id}"), timestamp.clone());
    json!({ "_timestamp": known })
}
