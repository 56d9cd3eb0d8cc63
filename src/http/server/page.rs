//! Lists come in pages. A page goes on where the page before ended, whatever was added meanwhile.

use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::problem::Problem;

const LINES_DEFAULT: u16 = 20;
const LINES_MAX: u16 = 100;

/// The query of a list that has no filter of its own.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// The `next` of the page before.
    #[param(required = false, nullable = false)]
    pub cursor: Option<String>,
    /// 20, when absent.
    #[param(minimum = 1, maximum = 100, required = false, nullable = false)]
    pub limit: Option<u16>,
}

/// Which part of a list is asked for.
pub struct Place<C> {
    /// Where the page before ended.
    pub after: Option<C>,
    lines: u16,
}

impl<C> Place<C> {
    /// Reads the query's `limit` and `cursor`; `read` parses the cursor.
    ///
    /// # Errors
    /// [`Problem`] naming the parameter.
    pub fn read(
        limit: Option<u16>,
        cursor: Option<&str>,
        read: impl FnOnce(&str) -> Option<C>,
    ) -> Result<Self, Problem> {
        let lines = limit.unwrap_or(LINES_DEFAULT);
        if !(1..=LINES_MAX).contains(&lines) {
            return Err(Problem::parameter("limit", &format!("expected 1 to {LINES_MAX}")));
        }
        let bad =
            || Problem::parameter("cursor", "expected the `next` of the page before, unchanged");
        let after = cursor.map(|cursor| read(cursor).ok_or_else(bad)).transpose()?;
        Ok(Self { after, lines })
    }

    /// How many lines the page has at most.
    pub fn lines(&self) -> usize {
        usize::from(self.lines)
    }

    /// How many rows to look for: one more than the page has, which tells whether another page
    /// follows.
    pub fn rows_max(&self) -> i64 {
        i64::from(self.lines).saturating_add(1)
    }

    /// Cuts what was found to the page. Returns the `next` where another page follows.
    pub fn cut<T>(&self, found: &mut Vec<T>, next: impl FnOnce(&T) -> String) -> Option<String> {
        let more = found.len() > usize::from(self.lines);
        found.truncate(usize::from(self.lines));
        found.last().filter(|_last| more).map(next)
    }
}
