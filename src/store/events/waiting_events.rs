//! What waits for staff, by partner and rule.

use diesel::prelude::*;
use diesel::sql_types::Bool;

use crate::clock::Moment;
use crate::store::held_events::HeldState;
use crate::store::schema::held_events;
use crate::store::{Db, StoreError, types};

/// What waits for staff by one rule at one partner.
#[derive(Clone, Debug)]
pub struct Waiting {
    pub partner: String,
    pub rule: String,
    pub events: i64,
    pub since: Moment,
    /// The figure and the limit of the latest.
    pub figure: Option<String>,
    pub limit: Option<String>,
}

/// What waits for staff, by partner and rule. A partner with any number of held events hides nobody
/// else's: each pair is looked up by itself, and its events are counted up to `counted_max`.
pub fn waiting(
    db: &mut Db,
    pairs_max: usize,
    counted_max: i64,
) -> Result<Vec<Waiting>, StoreError> {
    let mut found = Vec::new();
    let mut last: Option<Waited> = None;
    while found.len() < pairs_max {
        let Some(next) = next_waited(db, last.as_ref())? else { break };
        found.extend(waiting_by(db, &next, counted_max)?);
        last = Some(next);
    }
    Ok(found)
}

/// A partner, and a rule by which its events wait.
struct Waited {
    partner: String,
    rule: String,
}

/// The partial index of open events is used only where the state is no parameter.
fn is_open() -> diesel::expression::SqlLiteral<Bool> {
    diesel::dsl::sql("held_events.state = 'open'")
}

fn next_waited(db: &mut Db, last: Option<&Waited>) -> Result<Option<Waited>, StoreError> {
    let open = || {
        held_events::table
            .filter(is_open())
            .order((held_events::partner_id, held_events::rule))
            .select((held_events::partner_id, held_events::rule))
    };
    let row: Option<(String, String)> = match last {
        None => open().first(db).optional()?,
        Some(Waited { partner, rule }) => {
            let same = held_events::partner_id.eq(partner);
            let later = held_events::rule.gt(rule);
            let of_same: Option<(String, String)> =
                open().filter(same.and(later)).first(db).optional()?;
            match of_same {
                Some(row) => Some(row),
                None => open().filter(held_events::partner_id.gt(partner)).first(db).optional()?,
            }
        }
    };
    Ok(row.map(|(partner, rule)| Waited { partner, rule }))
}

fn waiting_by(db: &mut Db, by: &Waited, counted_max: i64) -> Result<Option<Waiting>, StoreError> {
    type Figures = (Option<String>, Option<String>);
    let Waited { partner, rule } = by;
    let open = || {
        held_events::table
            .filter(is_open())
            .filter(held_events::partner_id.eq(partner))
            .filter(held_events::rule.eq(rule))
    };
    let since: Option<chrono::NaiveDateTime> = open()
        .order((held_events::recorded_at, held_events::event_id))
        .select(held_events::recorded_at)
        .first(db)
        .optional()?;
    let latest: Option<Figures> = open()
        .order((held_events::recorded_at.desc(), held_events::event_id.desc()))
        .select((held_events::figure, held_events::limit_figure))
        .first(db)
        .optional()?;
    let counted: Vec<Vec<u8>> = open().select(held_events::event_id).limit(counted_max).load(db)?;
    let (Some(since), Some((figure, limit))) = (since, latest) else { return Ok(None) };
    Ok(Some(Waiting {
        partner: partner.clone(),
        rule: rule.clone(),
        events: i64::try_from(counted.len()).unwrap_or(i64::MAX),
        since: types::moment(since),
        figure,
        limit,
    }))
}

/// How many events wait for staff; counted up to a bound.
pub fn depth(db: &mut Db, rows_max: i64) -> Result<usize, StoreError> {
    let rows: Vec<Vec<u8>> = both!(db, db => held_events::table
        .filter(held_events::state.eq(HeldState::Open.name()))
        .select(held_events::event_id)
        .limit(rows_max)
        .load(db))?;
    Ok(rows.len())
}
