//! Which part of a task goes into which field of the CRM: sentences with `{names}`, and the CRM's
//! own words for the states of a task.

use std::collections::BTreeMap;

use super::{MappingError, Targets, Value};
use crate::crm::LeadTask;
use crate::follow_up::task::TaskState;
use crate::template::Template;

/// How a task is sent; without this part of a mapping no tasks are sent.
#[derive(Clone, Debug)]
pub struct TaskMapping {
    fields: Vec<(String, Template)>,
    states: BTreeMap<String, String>,
}

/// The names that sentences may use.
const NAMES: [&str; 9] =
    ["task", "lead", "rule", "says", "says_zh", "due_on", "state", "manager", "branch"];

impl TaskMapping {
    pub(super) fn read(
        fields: BTreeMap<String, String>,
        states: BTreeMap<String, String>,
        targets: &Targets,
    ) -> Result<Self, MappingError> {
        for name in fields.keys() {
            targets.check_task(name)?;
        }
        if let Some(state) = states.keys().find(|name| TaskState::by_name(name).is_none()) {
            return Err(MappingError::TaskState(state.clone()));
        }
        let read = |(field, text): (String, String)| {
            let rule = |why| MappingError::Rule { field: field.clone(), why };
            let template = Template::parse(&text).map_err(rule)?;
            if let Some(unknown) = template.unknown(&NAMES) {
                let why = format!("a task has no {unknown:?}; it has {}", NAMES.join(", "));
                return Err(rule(why));
            }
            Ok((field.clone(), template))
        };
        let fields = fields.into_iter().map(read).collect::<Result<_, _>>()?;
        Ok(Self { fields, states })
    }

    /// Each field of the CRM, by name, with its value for this task.
    #[must_use]
    pub fn apply(&self, task: &LeadTask) -> BTreeMap<&str, Value> {
        let (id, lead, due_on) =
            (task.id.to_string(), task.lead.to_string(), task.due_on.to_string());
        let state = task.state.name();
        let value = |name: &str| match name {
            "task" => Some(id.as_str()),
            "lead" => Some(lead.as_str()),
            "rule" => Some(task.rule.as_str()),
            "says" => Some(task.says.as_str()),
            "says_zh" => Some(task.says_zh.as_str()),
            "due_on" => Some(due_on.as_str()),
            "state" => Some(self.states.get(state).map_or(state, String::as_str)),
            "manager" => task.manager.as_ref().map(|id| id.as_str()),
            "branch" => task.branch.as_ref().map(|id| id.as_str()),
            _ => None,
        };
        let mut made = BTreeMap::new();
        for (name, template) in &self.fields {
            let text = template.fill(value).trim().to_owned();
            let value = if text.is_empty() { Value::Nothing } else { Value::Text(text) };
            made.insert(name.as_str(), value);
        }
        made
    }
}
