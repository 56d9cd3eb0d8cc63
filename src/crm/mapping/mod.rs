//! Which field of a lead goes into which field of the CRM, as data: a TOML file that is read and
//! checked at the start. So a bank fits its CRM without code. A mapping can only rename, enumerate,
//! concatenate and format; a reader sees exactly what is sent.

mod canonical;
mod rule;
mod task;
mod value;

pub use canonical::Canonical;
pub use task::TaskMapping;
pub use value::Value;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::{CrmStage, Lead};
use rule::{RawRule, Rule};

/// A checked mapping for one kind of CRM.
#[derive(Clone, Debug)]
pub struct Mapping {
    version: String,
    fields: Vec<(String, Rule)>,
    withdrawal: BTreeMap<String, Value>,
    stages: BTreeMap<String, CrmStage>,
    task: Option<TaskMapping>,
}

/// What an adapter can write, and what it must be given.
#[derive(Clone, Copy, Debug)]
pub struct Targets {
    /// The adapter's name, as in the setting `crm.kind`.
    pub kind: &'static str,
    /// Fields without which the CRM refuses a lead.
    pub required: &'static [&'static str],
    /// Every field of a lead; empty if the bank may have added fields of its own.
    pub known: &'static [&'static str],
    /// Fields that the adapter writes itself.
    pub reserved: &'static [&'static str],
    /// Every field of a task; empty if the bank may have added fields of its own.
    pub of_task: &'static [&'static str],
}

/// Why a mapping is refused, with the name of the part that is wrong.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum MappingError {
    #[error("the mapping {0} cannot be read")]
    Unreadable(String),
    #[error("not a mapping: {0}")]
    Form(String),
    #[error("the mapping is for {found:?}, and the CRM is {expected:?}")]
    Kind { expected: &'static str, found: String },
    #[error("version must be 1 to 40 letters, digits, dots or hyphens")]
    Version,
    #[error("field {0:?} is missing: the CRM takes no lead without it")]
    Missing(&'static str),
    #[error("field {0:?} is not one that this CRM has")]
    Target(String),
    #[error("field {0:?} is written by the gateway itself")]
    Reserved(String),
    #[error("field {field:?}: {why}")]
    Rule { field: String, why: String },
    #[error("stage {0:?}: expected contacted, converted, first_repayment, lost or cancelled")]
    Stage(String),
    #[error("task state {0:?}: expected planned, open, done or cancelled")]
    TaskState(String),
    #[error("withdrawal {0:?}: expected a text, a whole number, or true or false")]
    Constant(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMapping {
    kind: String,
    version: String,
    fields: BTreeMap<String, RawRule>,
    #[serde(default)]
    withdrawal: BTreeMap<String, toml::Value>,
    #[serde(default)]
    stages: BTreeMap<String, String>,
    task: Option<BTreeMap<String, String>>,
    #[serde(default)]
    task_states: BTreeMap<String, String>,
}

const VERSION_MAX: usize = 40;
/// A field's name has at most this many characters; Salesforce's limit is 80.
const NAME_MAX: usize = 80;

impl Mapping {
    /// Reads and checks a mapping file.
    pub fn load(path: &Path, targets: &Targets) -> Result<Self, MappingError> {
        let text = std::fs::read_to_string(path)
            .map_err(|_unreadable| MappingError::Unreadable(path.display().to_string()))?;
        Self::parse(&text, targets)
    }

    /// Reads and checks a mapping.
    pub fn parse(text: &str, targets: &Targets) -> Result<Self, MappingError> {
        let raw: RawMapping = toml::from_str(text)
            .map_err(|error: toml::de::Error| MappingError::Form(error.message().to_owned()))?;
        if raw.kind != targets.kind {
            return Err(MappingError::Kind { expected: targets.kind, found: raw.kind });
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        if raw.version.is_empty()
            || raw.version.len() > VERSION_MAX
            || !raw.version.chars().all(plain)
        {
            return Err(MappingError::Version);
        }
        if let Some(missing) =
            targets.required.iter().find(|required| !raw.fields.contains_key(**required))
        {
            return Err(MappingError::Missing(missing));
        }
        for name in raw.fields.keys().chain(raw.withdrawal.keys()) {
            targets.check(name)?;
        }
        let mut fields = Vec::new();
        for (name, rule) in raw.fields {
            let rule =
                Rule::read(rule).map_err(|why| MappingError::Rule { field: name.clone(), why })?;
            fields.push((name, rule));
        }
        let mut withdrawal = BTreeMap::new();
        for (name, constant) in raw.withdrawal {
            let value = Value::constant(&constant);
            withdrawal.insert(name.clone(), value.ok_or(MappingError::Constant(name))?);
        }
        let mut stages = BTreeMap::new();
        for (theirs, ours) in raw.stages {
            let stage =
                CrmStage::by_name(&ours).ok_or_else(|| MappingError::Stage(theirs.clone()))?;
            stages.insert(theirs, stage);
        }
        let states = raw.task_states;
        let task = raw.task.map(|fields| TaskMapping::read(fields, states, targets)).transpose()?;
        Ok(Self { version: raw.version, fields, withdrawal, stages, task })
    }

    /// The mapping's own version, to compare two mappings in logs.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Whether the mapping writes to this field.
    #[must_use]
    pub fn names(&self, field: &str) -> bool {
        self.fields.iter().any(|(name, _rule)| name == field) || self.withdrawal.contains_key(field)
    }

    /// Each field of the CRM, by name, with its value for this lead.
    #[must_use]
    pub fn apply(&self, lead: &Lead) -> BTreeMap<&str, Value> {
        self.fields.iter().map(|(name, rule)| (name.as_str(), rule.apply(lead))).collect()
    }

    /// The values that a lead's fields get when its consent is withdrawn.
    #[must_use]
    pub const fn withdrawal(&self) -> &BTreeMap<String, Value> {
        &self.withdrawal
    }

    /// How tasks are sent; `None` if they are not.
    #[must_use]
    pub const fn task(&self) -> Option<&TaskMapping> {
        self.task.as_ref()
    }

    /// The stage that a word of the CRM means; `None` for a word that moves nothing.
    #[must_use]
    pub fn stage(&self, theirs: &str) -> Option<CrmStage> {
        self.stages.get(theirs).copied()
    }
}

impl Targets {
    fn check(&self, name: &str) -> Result<(), MappingError> {
        self.check_field(name, self.known)
    }

    fn check_task(&self, name: &str) -> Result<(), MappingError> {
        self.check_field(name, self.of_task)
    }

    fn check_field(&self, name: &str, known: &[&str]) -> Result<(), MappingError> {
        if self.reserved.contains(&name) {
            return Err(MappingError::Reserved(name.to_owned()));
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let named = !name.is_empty() && name.len() <= NAME_MAX && name.chars().all(plain);
        if !named || (!known.is_empty() && !known.contains(&name)) {
            return Err(MappingError::Target(name.to_owned()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crm::sample;

    const ANY: Targets = Targets {
        kind: "test",
        required: &["Name"],
        known: &[],
        reserved: &["Id"],
        of_task: &["Note"],
    };

    fn with(fields: &str) -> Result<Mapping, MappingError> {
        let head =
            "kind = \"test\"\nversion = \"2026-11-24\"\n[fields]\nName = { from = \"name\" }\n";
        Mapping::parse(&format!("{head}{fields}"), &ANY)
    }

    #[test]
    fn each_transform_does_what_its_name_says() {
        let fields = r#"
            Amount = { from = "amount" }
            Mail = { from = "email" }
            Rating = { from = "product", enum = { travel-loan = "Warm" }, otherwise = "Cold" }
            Where = { concat = ["region", "product"], separator = " / " }
            Why = { format = "{{{lead}}} by {partner_name}: {amount} {currency}" }
            [withdrawal]
            DoNotCall = true
            Status = "Closed"
            [stages]
            Working = "contacted"
        "#;
        let mapping = with(fields).unwrap();
        let lead = sample().unwrap();
        let mapped = mapping.apply(&lead);
        assert_eq!(mapped["Amount"], Value::Number("88000.50".to_owned()));
        assert_eq!(mapped["Mail"], Value::Nothing);
        assert_eq!(mapped["Rating"], Value::Text("Warm".to_owned()));
        assert_eq!(mapped["Where"], Value::Text("old-town / travel-loan".to_owned()));
        let why = format!("{{{}}} by Sunny Road Travel: 88000.50 CNY", lead.id);
        assert_eq!(mapped["Why"], Value::Text(why));
        assert_eq!(mapping.withdrawal()["DoNotCall"], Value::Flag(true));
        assert_eq!(mapping.stage("Working"), Some(CrmStage::Contacted));
        assert_eq!(mapping.stage("Open"), None);
        assert_eq!(serde_json::to_string(&mapped["Amount"]).unwrap(), "88000.50");
    }

    #[test]
    fn a_mapping_that_would_fail_later_is_refused_at_once() {
        let rule = |fields: &str| match with(fields).unwrap_err() {
            MappingError::Rule { field, why } => format!("{field}: {why}"),
            other => other.to_string(),
        };
        assert!(rule("X = { from = \"nmae\" }").contains("\"nmae\""));
        assert!(rule("X = { format = \"{nmae}\" }").contains("\"nmae\""));
        assert!(rule("X = { format = \"{name\" }").contains("never closed"));
        assert!(rule("X = { from = \"name\", format = \"x\" }").contains("exactly one"));
        assert!(rule("X = { }").contains("exactly one"));
        assert!(rule("X = { concat = [] }").contains("at least one"));
        assert!(rule("X = { from = \"name\", separator = \"x\" }").contains("separator"));
        assert!(rule("X = { from = \"name\", otherwise = \"x\" }").contains("otherwise"));
        assert!(rule("X = { from = \"name\", lookup = \"x\" }").contains("lookup"));
        assert_eq!(
            with("Id = { from = \"lead\" }").unwrap_err(),
            MappingError::Reserved("Id".into())
        );
        assert!(matches!(with("\"a b\" = { from = \"lead\" }"), Err(MappingError::Target(_))));
        assert!(matches!(with("[stages]\nWon = \"won\""), Err(MappingError::Stage(_))));
        assert!(matches!(with("[withdrawal]\nX = 1.5"), Err(MappingError::Constant(_))));
        let task = |rest: &str| with(&format!("[task]\n{rest}"));
        assert!(task("Note = \"{says} {due_on}\"").unwrap().task().is_some());
        assert!(matches!(task("Other = \"x\""), Err(MappingError::Target(_))));
        assert!(matches!(task("Note = \"{name}\""), Err(MappingError::Rule { .. })));
        let states = "Note = \"x\"\n[task_states]\nended = \"x\"";
        assert!(matches!(task(states), Err(MappingError::TaskState(_))));
        let other = "kind = \"test\"\nversion = \"1\"\n[fields]\nX = { from = \"name\" }";
        assert_eq!(Mapping::parse(other, &ANY).unwrap_err(), MappingError::Missing("Name"));
        let kind = "kind = \"else\"\nversion = \"1\"\n[fields]\n";
        assert!(matches!(Mapping::parse(kind, &ANY), Err(MappingError::Kind { .. })));
    }
}
