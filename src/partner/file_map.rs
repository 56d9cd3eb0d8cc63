use serde::Deserialize;

/// Which columns of a partner's daily payments file say what. Columns not named are ignored.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileMap {
    /// The event's id, and the order's number when `order` is not mapped.
    pub id: String,
    pub order: Option<String>,
    /// The order's stage: with the order it is unique, whatever the ids are.
    pub stage: Option<String>,
    pub member: String,
    pub store: Option<String>,
    /// RFC 3339 date-times.
    pub occurred_at: String,
    pub gross: String,
    pub discount: String,
    pub paid: String,
    /// The discount scheme a line names, if it names one.
    pub scheme: Option<String>,
}
