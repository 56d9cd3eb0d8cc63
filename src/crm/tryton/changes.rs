//! Changes to our leads in Tryton, by the time at which Tryton wrote them.

use chrono::{Datelike, NaiveDateTime, Timelike};
use serde_json::{Value, json};

use super::{PAGE, Tryton, id_of};
use crate::clock::Moment;
use crate::crm::wire::unexpected;
use crate::crm::{Change, Changes, CrmError, Watermark};
use crate::ids::ReferralId;

const TIME: &str = "%Y-%m-%dT%H:%M:%S%.6f";

impl Tryton {
    /// Our opportunities that were changed since then, earliest change first. A change that Tryton
    /// commits late can appear behind the watermark, so each reading starts a little before it and
    /// may read a change twice.
    pub async fn changes(&self, since: &Watermark) -> Result<Changes, CrmError> {
        let mut domain = vec![json!(["reference", "!=", null]), json!(["write_date", "!=", null])];
        if let Some((at, id)) = read(since) {
            let at = written(at);
            domain.push(json!([
                "OR",
                [["write_date", ">", at]],
                [["write_date", "=", at], ["id", ">", id]]
            ]));
        }
        let order = json!([["write_date", "ASC"], ["id", "ASC"]]);
        let fields = json!(["id", "reference", "state", "write_date"]);
        let parameters = json!([domain, 0, PAGE, order, fields, { "active_test": false }]);
        let method = "model.sale.opportunity.search_read";
        let found = self.call(method, |_session| parameters.clone()).await?;
        let rows = found.as_array().ok_or_else(unexpected)?;
        let mut watermark = since.clone();
        let mut list = Vec::new();
        for row in rows {
            let at = row.get("write_date").and_then(naive).ok_or_else(unexpected)?;
            let id = id_of(row).ok_or_else(unexpected)?;
            watermark = Watermark(format!("{}/{id}", at.format(TIME)));
            let text = |field: &str| row.get(field).and_then(Value::as_str).unwrap_or_default();
            // The reference is not an id of ours: the opportunity is somebody else's.
            let lead = text("reference").parse::<uuid::Uuid>().ok().map(ReferralId::from_uuid);
            if let (Some(lead), Some(stage)) = (lead, self.mapping.stage(text("state"))) {
                list.push(Change { lead, stage, at: Moment::from_naive(at) });
            }
        }
        Ok(Changes { list, watermark, more: rows.len() == PAGE })
    }
}

/// The watermark set back by a time.
pub(in crate::crm) fn set_back(watermark: &Watermark, by: chrono::TimeDelta) -> Watermark {
    let back = read(watermark).and_then(|(at, _id)| at.checked_sub_signed(by));
    back.map_or_else(Watermark::default, |at| Watermark(format!("{}/0", at.format(TIME))))
}

fn read(watermark: &Watermark) -> Option<(NaiveDateTime, i64)> {
    let (at, id) = watermark.0.split_once('/')?;
    Some((NaiveDateTime::parse_from_str(at, TIME).ok()?, id.parse().ok()?))
}

/// A time as Tryton's JSON-RPC writes it: UTC, without an offset.
fn written(at: NaiveDateTime) -> Value {
    json!({
        "__class__": "datetime",
        "year": at.year(), "month": at.month(), "day": at.day(),
        "hour": at.hour(), "minute": at.minute(), "second": at.second(),
        "microsecond": at.nanosecond() / 1000,
    })
}

fn naive(value: &Value) -> Option<NaiveDateTime> {
    let part = |name: &str| u32::try_from(value.get(name)?.as_u64()?).ok();
    let year = i32::try_from(value.get("year")?.as_i64()?).ok()?;
    let day = chrono::NaiveDate::from_ymd_opt(year, part("month")?, part("day")?)?;
    day.and_hms_micro_opt(part("hour")?, part("minute")?, part("second")?, part("microsecond")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watermark_is_read_as_it_was_written_and_set_back() {
        let at = Moment::parse("2026-11-24T08:09:10.000011Z").unwrap().naive();
        let mark = Watermark(format!("{}/42", at.format(TIME)));
        assert_eq!(read(&mark), Some((at, 42)));
        assert_eq!(naive(&written(at)), Some(at));
        let back = set_back(&mark, chrono::TimeDelta::seconds(11));
        assert_eq!(back.0, "2026-11-24T08:08:59.000011/0");
        assert_eq!(set_back(&Watermark::default(), chrono::TimeDelta::zero()).0, "");
    }
}
