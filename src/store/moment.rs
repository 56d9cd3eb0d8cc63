//! A moment as bulk inserts bind it. Diesel formats a moment for SQLite by a format string that it
//! parses each time. For the two moments of each entry that costs as much as the entry's own row. This
//! type writes the same text.

use chrono::NaiveDateTime;
use diesel::expression::AsExpression;
use diesel::pg::Pg;
use diesel::serialize::{IsNull, Output, Result, ToSql};
use diesel::sql_types::Timestamp;
use diesel::sqlite::Sqlite;

use crate::clock::Moment;

#[derive(Clone, Copy, Debug, AsExpression)]
#[diesel(sql_type = Timestamp)]
pub struct StoredMoment(NaiveDateTime);

impl From<Moment> for StoredMoment {
    fn from(moment: Moment) -> Self {
        Self(moment.naive())
    }
}

impl ToSql<Timestamp, Sqlite> for StoredMoment {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> Result {
        out.set_value(self.0.to_string());
        Ok(IsNull::No)
    }
}

impl ToSql<Timestamp, Pg> for StoredMoment {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> Result {
        <NaiveDateTime as ToSql<Timestamp, Pg>>::to_sql(&self.0, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_the_one_that_diesel_writes() {
        for text in [
            "1970-01-01T00:00:00Z",
            "2026-11-02T10:15:30.5Z",
            "2026-11-02T10:15:30.123Z",
            "2026-11-02T10:15:30.000001Z",
            "9999-12-31T23:59:59.999999Z",
        ] {
            let naive = Moment::parse(text).unwrap().naive();
            assert_eq!(naive.to_string(), naive.format("%F %T%.f").to_string());
        }
    }
}
