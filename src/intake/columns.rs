use csv::StringRecord;
use serde_json::{Map, Value, json};

use super::lines::IntakeError;
use crate::event::Payment;
use crate::partner::file_map::FileMap;

/// Where in a line each thing stands.
pub struct Columns {
    id: usize,
    member: usize,
    occurred_at: usize,
    data: Vec<(&'static str, usize)>,
}

impl Columns {
    pub fn find(map: &FileMap, header: &StringRecord) -> Result<Self, IntakeError> {
        let place = |name: &str| {
            header
                .iter()
                .position(|column| column.trim_start_matches('\u{feff}') == name)
                .ok_or_else(|| IntakeError::NoColumn(name.to_owned()))
        };
        let mut data = vec![("order", place(map.order.as_ref().unwrap_or(&map.id))?)];
        for (field, column) in
            [("gross", &map.gross), ("discount", &map.discount), ("paid", &map.paid)]
        {
            data.push((field, place(column)?));
        }
        let optional = [("stage", &map.stage), ("store", &map.store), ("scheme", &map.scheme)];
        for (field, column) in optional {
            if let Some(column) = column {
                data.push((field, place(column)?));
            }
        }
        Ok(Self {
            id: place(&map.id)?,
            member: place(&map.member)?,
            occurred_at: place(&map.occurred_at)?,
            data,
        })
    }

    /// The line as the event that the API would have got.
    pub fn event(&self, record: &StringRecord) -> Value {
        let text = |column: usize| record.get(column).unwrap_or_default();
        let mut data = Map::new();
        data.insert("member".to_owned(), json!(text(self.member)));
        data.insert("currency".to_owned(), json!("CNY"));
        for (field, column) in &self.data {
            let optional = matches!(*field, "stage" | "store" | "scheme");
            if !(optional && text(*column).is_empty()) {
                data.insert((*field).to_owned(), json!(text(*column)));
            }
        }
        json!({
            "specversion": "1.0",
            "id": text(self.id),
            "source": "import",
            "type": Payment::TYPE,
            "time": text(self.occurred_at),
            "data": data,
        })
    }
}
