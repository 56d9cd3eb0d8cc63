//! A task about a lead, as notes on its opportunity: one when the task is to be done, another when
//! it is closed. Tryton lets nobody change the text of a note. Each note ends with a line that
//! names task and revision, by which it is found again; no note for an older revision is made after
//! a newer one.

use serde_json::{Value as Json, json};

use super::{Tryton, id_of};
use crate::crm::mapping::Value;
use crate::crm::{CrmError, CrmId, LeadTask};

const END: &str = ". —";
/// At most this many notes are read: a task has only a few.
const NOTES_MAX: usize = 100;

impl Tryton {
    /// Makes the note; returns its id, or `None` if the mapping has none.
    pub async fn tell_task(&self, task: &LeadTask) -> Result<Option<CrmId>, CrmError> {
        self.within(self.note_task(task)).await
    }

    async fn note_task(&self, task: &LeadTask) -> Result<Option<CrmId>, CrmError> {
        let Some(mapping) = self.mapping.task() else { return Ok(None) };
        let fields = mapping.apply(task);
        let words = fields.get("note").map_or("", Value::text);
        let there = self.find_opportunities(&[task.lead]).await?.remove(&task.lead);
        let Some(there) = there else {
            return Err(CrmError::Refused("it has no lead for this task".to_owned()));
        };
        let mark = format!("— Tallystick, task {}, revision ", task.id);
        let message = format!("{}\n{mark}{}{END}", words.trim(), task.revision);
        let resource = format!("sale.opportunity,{}", there.id);
        let domain = json!([["resource", "=", resource], ["message", "like", format!("%{mark}%")]]);
        let found = self.search("ir.note", domain, NOTES_MAX, &["id", "message"]).await?;
        let said = |row: &Json| {
            let text = row.get("message").and_then(Json::as_str).unwrap_or_default();
            Some((revision(text, &mark), id_of(row)?))
        };
        let newest = found.iter().filter_map(said).max();
        if let Some((_revision, id)) = newest.filter(|(revision, _id)| *revision >= task.revision) {
            return Ok(Some(CrmId(id.to_string())));
        }
        let note = json!({ "resource": resource, "message": message });
        let made = self.call("model.ir.note.create", |_session| json!([[note], {}])).await?;
        Ok(made.get(0).and_then(Json::as_i64).map(|id| CrmId(id.to_string())))
    }
}

/// The revision that a note names.
fn revision(message: &str, mark: &str) -> i64 {
    let named = message.lines().find_map(|line| line.strip_prefix(mark)?.strip_suffix(END));
    named.and_then(|revision| revision.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_names_its_revision() {
        let mark = "— Tallystick, task 7, revision ";
        assert_eq!(revision("Call.\n— Tallystick, task 7, revision 12. —", mark), 12);
        assert_eq!(revision("Call.\n— Tallystick, task 8, revision 12. —", mark), 0);
        assert_eq!(revision("", mark), 0);
    }
}
