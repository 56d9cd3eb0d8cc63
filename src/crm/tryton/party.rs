//! The person as a party with contact mechanisms. Our mechanisms carry our name and their revision;
//! those that staff added are never changed.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value as Json, json};

use super::{PAGE, Tryton, id_of, unchanged};
use crate::crm::mapping::Value;
use crate::crm::wire::unexpected;
use crate::crm::{CrmError, Lead};
use crate::ids::ReferralId;

/// The party of a lead as it was read.
#[derive(Clone)]
pub(super) struct Party {
    pub id: i64,
    /// Whether staff have merged our party into this one: then its name is theirs.
    merged: bool,
    timestamp: Json,
}

/// The lead and the revision that a mechanism of ours stands for.
#[derive(Clone, Copy)]
struct Mark {
    lead: ReferralId,
    revision: i64,
}

/// A kind of contact mechanism: its name in mappings, and Tryton's name.
const MECHANISMS: [(&str, &str); 3] =
    [("party.mobile", "mobile"), ("party.phone", "phone"), ("party.email", "email")];

const OURS: &str = "Tallystick";

impl Tryton {
    /// The party of each lead that has one, or the party that staff have merged it into.
    pub(super) async fn find_parties(
        &self,
        leads: &[ReferralId],
    ) -> Result<HashMap<ReferralId, Party>, CrmError> {
        let codes: HashMap<String, ReferralId> =
            leads.iter().map(|lead| (party_code(*lead), *lead)).collect();
        let domain = json!([["code", "in", codes.keys().collect::<Vec<_>>()]]);
        let fields = ["id", "code", "replaced_by", "_timestamp"];
        let mut parties = HashMap::new();
        for row in self.look("party.party", domain, &fields).await? {
            let lead = row.get("code").and_then(Json::as_str).and_then(|code| codes.get(code));
            let (Some(lead), Some(id)) = (lead, id_of(&row)) else { return Err(unexpected()) };
            let party = match row.get("replaced_by").and_then(Json::as_i64) {
                None => Party { id, merged: false, timestamp: timestamp_of(&row) },
                Some(into) => self.party(into).await?,
            };
            parties.insert(*lead, party);
        }
        Ok(parties)
    }

    async fn party(&self, id: i64) -> Result<Party, CrmError> {
        let domain = json!([["id", "=", id]]);
        let found = self.search("party.party", domain, 1, &["id", "_timestamp"]).await?;
        let row = found.first().ok_or_else(unexpected)?;
        Ok(Party { id, merged: true, timestamp: timestamp_of(row) })
    }

    /// Makes a party for each lead: all of them or none, because Tryton's create is one
    /// transaction.
    pub(super) async fn create_parties(&self, leads: &[&Lead]) -> Result<Vec<i64>, CrmError> {
        let parties: Vec<Json> = leads
            .iter()
            .map(|lead| {
                let fields = self.mapping.apply(lead);
                let mechanisms: Vec<Json> = ways(&fields)
                    .map(|(kind, value)| mechanism(kind, value, &mark(lead.id, lead.revision)))
                    .collect();
                json!({
                    "name": fields.get("party.name").map_or("", Value::text),
                    "code": party_code(lead.id),
                    "contact_mechanisms": [["create", mechanisms]],
                })
            })
            .collect();
        let made = self.call("model.party.party.create", |_session| json!([parties, {}])).await?;
        ids(&made, leads.len())
    }

    /// Brings a party to the lead's revision, unless it is there already.
    pub(super) async fn update_party(&self, party: &Party, lead: &Lead) -> Result<(), CrmError> {
        let fields = self.mapping.apply(lead);
        let wanted: Vec<(&str, &str)> = ways(&fields).collect();
        let name = fields.get("party.name").filter(|_name| !party.merged).map(Value::text);
        let mark = Mark { lead: lead.id, revision: lead.revision };
        self.set_mechanisms(party, mark, &wanted, name).await
    }

    /// Takes every way to reach the person about this lead out of use.
    pub(super) async fn silence(
        &self,
        party: &Party,
        lead: ReferralId,
        revision: i64,
    ) -> Result<(), CrmError> {
        self.set_mechanisms(party, Mark { lead, revision }, &[], None).await
    }

    /// Keeps exactly these mechanisms of ours in use, at this revision.
    async fn set_mechanisms(
        &self,
        party: &Party,
        Mark { lead, revision }: Mark,
        wanted: &[(&str, &str)],
        name: Option<&str>,
    ) -> Result<(), CrmError> {
        let domain = json!([["party", "=", party.id], ["name", "=", OURS]]);
        let fields = ["id", "type", "value", "comment"];
        let mut kept: Vec<(&str, &str)> = Vec::new();
        let mut changes = Vec::new();
        let there = self.search("party.contact_mechanism", domain, PAGE, &fields).await?;
        let new_mark = mark(lead, revision);
        for row in &there {
            let text = |field: &str| row.get(field).and_then(Json::as_str).unwrap_or_default();
            let Some(theirs) = revision_of(text("comment"), lead) else { continue };
            if theirs >= revision {
                return Ok(());
            }
            let way = (text("type"), text("value"));
            let stays = wanted.contains(&way);
            if stays {
                kept.push(way);
            }
            let set = json!({ "active": stays, "comment": new_mark });
            changes.push(json!(["write", [id_of(row).ok_or_else(unexpected)?], set]));
        }
        let missing = wanted.iter().filter(|way| !kept.contains(way));
        let new: Vec<Json> =
            missing.map(|(kind, value)| mechanism(kind, value, &new_mark)).collect();
        if !new.is_empty() {
            changes.push(json!(["create", new]));
        }
        let mut values = json!({ "contact_mechanisms": changes });
        if let (Some(name), Some(values)) = (name, values.as_object_mut()) {
            values.insert("name".to_owned(), json!(name));
        }
        let context = unchanged("party.party", party.id, &party.timestamp);
        self.call("model.party.party.write", |_session| json!([[party.id], values, context]))
            .await
            .map(drop)
    }
}

/// The ids of the new records, if there are as many as were asked for.
pub(super) fn ids(made: &Json, count: usize) -> Result<Vec<i64>, CrmError> {
    let ids: Option<Vec<i64>> =
        made.as_array().and_then(|ids| ids.iter().map(Json::as_i64).collect());
    ids.filter(|ids| ids.len() == count).ok_or_else(unexpected)
}

/// The ways to reach the person, as Tryton's type and value.
fn ways<'a>(fields: &'a BTreeMap<&str, Value>) -> impl Iterator<Item = (&'static str, &'a str)> {
    MECHANISMS.iter().filter_map(|(target, kind)| {
        let value = fields.get(target).map_or("", Value::text);
        (!value.is_empty()).then_some((*kind, value))
    })
}

fn mechanism(kind: &str, value: &str, mark: &str) -> Json {
    json!({ "type": kind, "value": value, "name": OURS, "comment": mark })
}

fn timestamp_of(row: &Json) -> Json {
    row.get("_timestamp").cloned().unwrap_or_default()
}

fn party_code(lead: ReferralId) -> String {
    format!("TS-{lead}")
}

/// The name that marks a mechanism as belonging to this lead: several leads may share a party.
fn mark(lead: ReferralId, revision: i64) -> String {
    format!("lead {lead} revision {revision}")
}

fn revision_of(mark: &str, lead: ReferralId) -> Option<i64> {
    mark.strip_prefix(&format!("lead {lead} revision "))?.trim().parse().ok()
}
