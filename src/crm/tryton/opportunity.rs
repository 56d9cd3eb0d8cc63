//! The lead as an opportunity, and the revision in its comment.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Value as Json, json};

use super::party::ids;
use super::session::Session;
use super::{Tryton, id_of, unchanged};
use crate::crm::mapping::Value;
use crate::crm::wire::unexpected;
use crate::crm::{CrmError, CrmId, Lead};
use crate::ids::ReferralId;

/// An opportunity of ours as it was read.
#[derive(Clone)]
pub(super) struct Opportunity {
    pub id: i64,
    state: String,
    comment: String,
    timestamp: Json,
}

/// Records that were found by their code, kept as long as the client lives. A code that was not
/// found is asked for again with the next group.
#[derive(Clone, Default)]
pub(super) struct Catalogue {
    /// Products with their units.
    products: HashMap<String, (i64, i64)>,
    employees: HashMap<String, i64>,
}

/// The line below our words in a comment, and above the words of staff.
const MARK: &str = "— Tallystick, revision ";
const MARK_END: &str = ". Words above this line are the gateway's; those below stay. —";

const FIELDS: [&str; 5] = ["id", "reference", "state", "comment", "_timestamp"];

impl Opportunity {
    fn read(row: &Json) -> Option<Self> {
        let text = |field: &str| row.get(field).and_then(Json::as_str).unwrap_or_default();
        Some(Self {
            id: id_of(row)?,
            state: text("state").to_owned(),
            comment: text("comment").to_owned(),
            timestamp: row.get("_timestamp").cloned().unwrap_or_default(),
        })
    }

    /// The revision in Tryton; 0 if the line is gone, so that it is written again.
    pub(super) fn revision(&self) -> i64 {
        let marked = self.comment.lines().find_map(|line| line.strip_prefix(MARK));
        marked
            .and_then(|rest| rest.strip_suffix(MARK_END))
            .and_then(|revision| revision.parse().ok())
            .unwrap_or(0)
    }

    /// Our new words first, then what staff wrote.
    fn comment_with(&self, ours: &str, revision: i64) -> String {
        let mut lines = self.comment.lines();
        let marked = lines.any(|line| line.starts_with(MARK));
        let theirs: Vec<&str> = if marked { lines.collect() } else { Vec::new() };
        let mut comment = comment(ours, revision);
        for line in theirs {
            comment.push('\n');
            comment.push_str(line);
        }
        comment
    }

    /// Whether it can still be changed: Tryton refuses a change to a record that it shows as
    /// read-only.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.state.as_str(), "lead" | "opportunity")
    }

    pub(super) fn crm_id(&self) -> CrmId {
        CrmId(self.id.to_string())
    }
}

fn comment(ours: &str, revision: i64) -> String {
    format!("{}\n{MARK}{revision}{MARK_END}", ours.trim())
}

impl Tryton {
    /// The opportunities of these leads. The first one counts, if staff have copied one.
    pub(super) async fn find_opportunities(
        &self,
        leads: &[ReferralId],
    ) -> Result<HashMap<ReferralId, Opportunity>, CrmError> {
        let references: HashMap<String, ReferralId> =
            leads.iter().map(|lead| (lead.to_string(), *lead)).collect();
        let domain = json!([["reference", "in", references.keys().collect::<Vec<_>>()]]);
        let mut found = HashMap::new();
        for row in self.look("sale.opportunity", domain, &FIELDS).await? {
            let reference = row.get("reference").and_then(Json::as_str);
            let lead = reference.and_then(|reference| references.get(reference));
            let opportunity = Opportunity::read(&row);
            let (Some(lead), Some(opportunity)) = (lead, opportunity) else {
                return Err(unexpected());
            };
            found.entry(*lead).or_insert(opportunity);
        }
        Ok(found)
    }

    /// Makes an opportunity for each lead and its party: all of them or none.
    pub(super) async fn create_opportunities(
        &self,
        leads: &[(&Lead, i64)],
    ) -> Result<Vec<i64>, CrmError> {
        let session = self.session(None).await?;
        let mapped: Vec<_> = leads.iter().map(|(lead, _party)| self.mapping.apply(lead)).collect();
        let catalogue = self.look_up(&mapped).await?;
        let opportunities: Vec<Json> = leads
            .iter()
            .zip(&mapped)
            .map(|(pair, fields)| opportunity(&session, &catalogue, pair.0, pair.1, fields))
            .collect::<Result<_, _>>()?;
        let made = self
            .call(
                "model.sale.opportunity.create",
                |session| json!([opportunities, { "company": session.company }]),
            )
            .await?;
        ids(&made, leads.len())
    }

    /// Brings an opportunity to the lead's revision. Owner, product and stage belong to the staff
    /// once it exists.
    pub(super) async fn update_opportunity(
        &self,
        there: &Opportunity,
        lead: &Lead,
    ) -> Result<(), CrmError> {
        let fields = self.mapping.apply(lead);
        let ours = fields.get("opportunity.comment").map_or("", Value::text);
        let mut values = words(&fields, there.comment_with(ours, lead.revision));
        merge(&mut values, self.amount(there, &fields).await?);
        self.write_opportunity(there, &values).await
    }

    /// The amount; the currency only while Tryton lets it be changed.
    async fn amount(
        &self,
        there: &Opportunity,
        fields: &BTreeMap<&str, Value>,
    ) -> Result<Json, CrmError> {
        let mut values = money(&self.session(None).await?, fields)?;
        if there.state != "lead"
            && let Some(values) = values.as_object_mut()
        {
            values.remove("currency");
        }
        Ok(values)
    }

    /// Replaces our words, and writes their revision.
    pub(super) async fn comment_opportunity(
        &self,
        there: &Opportunity,
        ours: &str,
        revision: i64,
    ) -> Result<(), CrmError> {
        let comment = there.comment_with(ours, revision);
        self.write_opportunity(there, &json!({ "comment": comment })).await
    }

    async fn write_opportunity(&self, there: &Opportunity, values: &Json) -> Result<(), CrmError> {
        let context = unchanged("sale.opportunity", there.id, &there.timestamp);
        self.call("model.sale.opportunity.write", |_session| json!([[there.id], values, context]))
            .await
            .map(drop)
    }

    /// The products and employees that these leads name, each asked for once.
    async fn look_up(&self, mapped: &[BTreeMap<&str, Value>]) -> Result<Catalogue, CrmError> {
        let mut known = self.catalogue.lock().await.clone();
        let codes = |name: &str| -> BTreeSet<String> {
            let texts = mapped.iter().filter_map(|fields| fields.get(name)).map(Value::text);
            texts.filter(|text| !text.is_empty()).map(str::to_owned).collect()
        };
        for code in codes("product.code") {
            if !known.products.contains_key(&code)
                && let Some(product) = self.product(&code).await?
            {
                known.products.insert(code, product);
            }
        }
        for code in codes("employee.code") {
            if !known.employees.contains_key(&code)
                && let Some(employee) = self.employee(&code).await?
            {
                known.employees.insert(code, employee);
            }
        }
        *self.catalogue.lock().await = known.clone();
        Ok(known)
    }

    /// The product of this code with its unit, if it is sold.
    async fn product(&self, code: &str) -> Result<Option<(i64, i64)>, CrmError> {
        let domain = json!([["code", "=", code], ["salable", "=", true]]);
        let found = self.look("product.product", domain, &["id", "sale_uom"]).await?;
        let unit = |row: &Json| row.get("sale_uom").and_then(Json::as_i64);
        Ok(found.first().and_then(|row| Some((id_of(row)?, unit(row)?))))
    }

    /// The employee whose party has this code.
    async fn employee(&self, code: &str) -> Result<Option<i64>, CrmError> {
        let domain = json!([["party.code", "=", code]]);
        let found = self.look("company.employee", domain, &["id"]).await?;
        Ok(found.first().and_then(id_of))
    }
}

/// The values of a new opportunity.
fn opportunity(
    session: &Session,
    catalogue: &Catalogue,
    lead: &Lead,
    party: i64,
    fields: &BTreeMap<&str, Value>,
) -> Result<Json, CrmError> {
    let text = |name: &str| fields.get(name).map_or("", Value::text);
    let employee = catalogue.employees.get(text("employee.code"));
    let mut opportunity = json!({
        "party": party,
        "company": session.company,
        "employee": employee.map_or_else(|| session.employee.clone(), |id| json!(id)),
        "reference": lead.id.to_string(),
    });
    merge(&mut opportunity, words(fields, comment(text("opportunity.comment"), lead.revision)));
    merge(&mut opportunity, money(session, fields)?);
    if let Some((product, unit)) = catalogue.products.get(text("product.code")) {
        let line = json!({ "product": product, "unit": unit, "quantity": 1 });
        merge(&mut opportunity, json!({ "lines": [["create", [line]]] }));
    }
    Ok(opportunity)
}

fn words(fields: &BTreeMap<&str, Value>, comment: String) -> Json {
    let description = fields.get("opportunity.description").map_or("", Value::text);
    json!({ "description": description, "comment": comment })
}

/// The amount, if the mapping has one, in a currency that Tryton knows.
fn money(session: &Session, fields: &BTreeMap<&str, Value>) -> Result<Json, CrmError> {
    let (Some(amount), Some(code)) =
        (fields.get("opportunity.amount"), fields.get("opportunity.currency"))
    else {
        return Ok(json!({}));
    };
    let Some(currency) = session.currencies.get(code.text()) else {
        return Err(CrmError::Refused(format!("it has no currency {}", code.text())));
    };
    let decimal = json!({ "__class__": "Decimal", "decimal": amount.text() });
    Ok(json!({ "amount": decimal, "currency": currency }))
}

fn merge(into: &mut Json, more: Json) {
    if let (Some(into), Json::Object(more)) = (into.as_object_mut(), more) {
        into.extend(more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there(comment: &str) -> Opportunity {
        let (comment, state) = (comment.to_owned(), "lead".to_owned());
        Opportunity { id: 1, state, comment, timestamp: Json::Null }
    }

    #[test]
    fn what_staff_wrote_below_the_line_stays() {
        let first = comment("Referred by us.\nTwo lines.", 1);
        let edited = there(&format!("{first}\nCalled, calls back on Monday.\n\nLikes tea."));
        assert_eq!(edited.revision(), 1);
        let second = there(&edited.comment_with("Referred again.", 7));
        assert_eq!(second.revision(), 7);
        assert!(second.comment.starts_with("Referred again.\n"));
        assert!(second.comment.ends_with("\nCalled, calls back on Monday.\n\nLikes tea."));
        assert!(!second.comment.contains("Two lines"));
    }

    #[test]
    fn a_comment_without_the_line_is_of_no_revision() {
        assert_eq!(there("").revision(), 0);
        assert_eq!(there("— Tallystick, revision x. —").revision(), 0);
    }
}
