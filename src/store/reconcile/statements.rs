//! Statements and their lines: kept as they came, with each new version beside the old.

use diesel::prelude::*;

use super::{kind, period, text, value};
use crate::clock::Moment;
use crate::ids::{PartnerId, StatementId};
use crate::reconcile::period::Period;
use crate::reconcile::statement::{PARTS_MAX, Statement, StatementLine, StatementState};
use crate::store::schema::{matches, statement_lines, statements};
use crate::store::{Db, LedgerTx, StoreError, types};

#[derive(Insertable, Queryable, Selectable)]
#[diesel(table_name = statements, treat_none_as_default_value = false)]
struct Row {
    id: Vec<u8>,
    partner_id: String,
    period: String,
    part: i64,
    version: i64,
    sha256: Vec<u8>,
    file_name: Option<String>,
    charset: String,
    packed: bool,
    state: String,
    lines: i64,
    imported_by: String,
    imported_at: chrono::NaiveDateTime,
}

#[derive(Insertable)]
#[diesel(table_name = statement_lines, treat_none_as_default_value = false)]
struct NewLine<'a> {
    statement_id: &'a [u8],
    line: i64,
    content: Vec<u8>,
    kind: &'static str,
    event_id: Option<&'a str>,
    order_number: Option<&'a str>,
    currency: &'a str,
    minor: i64,
    occurred_at: chrono::NaiveDateTime,
    store: Option<&'a str>,
    is_void: bool,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = statement_lines)]
struct LineRow {
    line: i64,
    kind: String,
    event_id: Option<String>,
    order_number: Option<String>,
    currency: String,
    minor: i64,
    occurred_at: chrono::NaiveDateTime,
    store: Option<String>,
    is_void: bool,
}

/// A place in a month for which statements come: a partner's part.
#[derive(Clone, Copy)]
pub struct PartOf<'a> {
    pub partner: &'a PartnerId,
    pub period: Period,
    pub part: i64,
}

/// The statement of that file for that part, if it came before.
pub fn same_file(
    db: &mut Db,
    of: PartOf<'_>,
    sha256: &[u8; 32],
) -> Result<Option<Statement>, StoreError> {
    let row: Option<Row> = statements::table
        .filter(statements::partner_id.eq(of.partner.as_str()))
        .filter(statements::period.eq(of.period.to_string()))
        .filter(statements::part.eq(of.part))
        .filter(statements::sha256.eq(sha256.as_slice()))
        .select(Row::as_select())
        .first(db)
        .optional()?;
    row.map(Row::read).transpose()
}

/// The version that the next file of a part gets.
pub fn next_version(db: &mut Db, of: PartOf<'_>) -> Result<i64, StoreError> {
    let newest: Option<i64> = statements::table
        .filter(statements::partner_id.eq(of.partner.as_str()))
        .filter(statements::period.eq(of.period.to_string()))
        .filter(statements::part.eq(of.part))
        .order(statements::version.desc())
        .select(statements::version)
        .first(db)
        .optional()?;
    Ok(newest.unwrap_or(0).saturating_add(1))
}

/// Keeps a new statement; `false` when another came first under its version or with its file.
pub fn insert(tx: &mut LedgerTx<'_>, statement: &Statement) -> Result<bool, StoreError> {
    let row = Row::of(statement);
    let count = both!(tx.0, db => diesel::insert_into(statements::table)
        .values(&row)
        .on_conflict_do_nothing()
        .execute(db))?;
    Ok(count == 1)
}

/// Keeps lines of a statement that is being loaded. Lines that are kept already stay.
pub fn insert_lines(
    tx: &mut LedgerTx<'_>,
    id: StatementId,
    lines: &[StatementLine],
) -> Result<(), StoreError> {
    for part in lines.chunks(crate::store::rows_max(11)) {
        let rows: Vec<NewLine<'_>> = part.iter().map(|line| NewLine::of(&id, line)).collect();
        both!(tx.0, db => diesel::insert_into(statement_lines::table)
            .values(&rows)
            .on_conflict_do_nothing()
            .execute(db))?;
    }
    Ok(())
}

/// The last line that was kept of a statement.
pub fn last_line(db: &mut Db, id: StatementId) -> Result<Option<u64>, StoreError> {
    let last: Option<i64> = statement_lines::table
        .filter(statement_lines::statement_id.eq(id.bytes().as_slice()))
        .order(statement_lines::line.desc())
        .select(statement_lines::line)
        .first(db)
        .optional()?;
    last.map(number).transpose()
}

/// All lines are kept: it counts from now on.
pub fn set_ready(tx: &mut LedgerTx<'_>, id: StatementId) -> Result<(), StoreError> {
    let loading = statements::table
        .filter(statements::id.eq(id.bytes().as_slice()))
        .filter(statements::state.eq(StatementState::Loading.name()));
    diesel::update(loading)
        .set(statements::state.eq(StatementState::Ready.name()))
        .execute(tx.0)?;
    Ok(())
}

pub fn get(db: &mut Db, id: StatementId) -> Result<Option<Statement>, StoreError> {
    let row = statements::table.find(id.bytes().as_slice()).select(Row::as_select());
    row.first::<Row>(db).optional()?.map(Row::read).transpose()
}

/// A partner's statements, newest first, before the last one of the page before.
pub fn page(
    db: &mut Db,
    partner: &PartnerId,
    before: Option<(Moment, StatementId)>,
    rows_max: i64,
) -> Result<Vec<Statement>, StoreError> {
    let mut query = statements::table
        .filter(statements::partner_id.eq(partner.as_str().to_owned()))
        .order((statements::imported_at.desc(), statements::id.desc()))
        .limit(rows_max)
        .select(Row::as_select())
        .into_boxed();
    if let Some((at, id)) = before {
        let earlier = statements::imported_at.lt(at.naive());
        let same = statements::imported_at.eq(at.naive());
        let next = statements::id.lt(id.bytes().to_vec());
        query = query.filter(earlier.or(same.and(next)));
    }
    let rows: Vec<Row> = query.load(db)?;
    rows.into_iter().map(Row::read).collect()
}

/// What counts of a month: the newest version of each part that is ready, by part.
pub fn newest(
    db: &mut Db,
    partner: &PartnerId,
    period: Period,
) -> Result<Vec<Statement>, StoreError> {
    let newer = diesel::alias!(statements as newer);
    let is_newer = newer
        .filter(newer.field(statements::partner_id).eq(statements::partner_id))
        .filter(newer.field(statements::period).eq(statements::period))
        .filter(newer.field(statements::part).eq(statements::part))
        .filter(newer.field(statements::version).gt(statements::version))
        .filter(newer.field(statements::state).eq(StatementState::Ready.name()));
    let rows: Vec<Row> = statements::table
        .filter(statements::partner_id.eq(partner.as_str()))
        .filter(statements::period.eq(period.to_string()))
        .filter(statements::state.eq(StatementState::Ready.name()))
        .filter(diesel::dsl::not(diesel::dsl::exists(is_newer)))
        .order(statements::part)
        .limit(PARTS_MAX)
        .select(Row::as_select())
        .load(db)?;
    rows.into_iter().map(Row::read).collect()
}

/// Whether a month has a statement that counts.
pub fn is_there(db: &mut Db, partner: &PartnerId, period: Period) -> Result<bool, StoreError> {
    let ready = statements::table
        .filter(statements::partner_id.eq(partner.as_str()))
        .filter(statements::period.eq(period.to_string()))
        .filter(statements::state.eq(StatementState::Ready.name()));
    Ok(diesel::select(diesel::dsl::exists(ready)).get_result(db)?)
}

/// The statements of a month, in whatever version, of which a line has a live match.
pub fn with_matches(
    db: &mut Db,
    partner: &PartnerId,
    period: Period,
) -> Result<Vec<StatementId>, StoreError> {
    let live = matches::table
        .filter(matches::statement_id.eq(statements::id))
        .filter(matches::ended_by.is_null());
    let ids: Vec<Vec<u8>> = statements::table
        .filter(statements::partner_id.eq(partner.as_str()))
        .filter(statements::period.eq(period.to_string()))
        .filter(diesel::dsl::exists(live))
        .order((statements::part, statements::version))
        .select(statements::id)
        .load(db)?;
    let id = |bytes: Vec<u8>| Ok(StatementId::from_uuid(types::uuid(&bytes, "statements.id")?));
    ids.into_iter().map(id).collect()
}

/// The lines of a statement behind a line.
pub fn lines_after(
    db: &mut Db,
    id: StatementId,
    after: u64,
    rows_max: i64,
) -> Result<Vec<StatementLine>, StoreError> {
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let rows: Vec<LineRow> = statement_lines::table
        .filter(statement_lines::statement_id.eq(id.bytes().as_slice()))
        .filter(statement_lines::line.gt(after))
        .order(statement_lines::line)
        .limit(rows_max)
        .select(LineRow::as_select())
        .load(db)?;
    rows.into_iter().map(LineRow::read).collect()
}

/// Those lines of a statement.
pub fn lines_of(
    db: &mut Db,
    id: StatementId,
    lines: &[i64],
) -> Result<Vec<StatementLine>, StoreError> {
    let rows: Vec<LineRow> = both!(db, db => statement_lines::table
        .filter(statement_lines::statement_id.eq(id.bytes().as_slice()))
        .filter(statement_lines::line.eq_any(lines))
        .select(LineRow::as_select())
        .load(db))?;
    rows.into_iter().map(LineRow::read).collect()
}

fn number(line: i64) -> Result<u64, StoreError> {
    u64::try_from(line).map_err(|_negative| StoreError::Corrupt("statement_lines.line"))
}

impl Row {
    fn of(statement: &Statement) -> Self {
        Self {
            id: statement.id.bytes().to_vec(),
            partner_id: statement.partner.to_string(),
            period: statement.period.to_string(),
            part: statement.part,
            version: statement.version,
            sha256: statement.sha256.to_vec(),
            file_name: statement.file_name.clone(),
            charset: statement.charset.clone(),
            packed: statement.packed,
            state: statement.state.name().to_owned(),
            lines: statement.lines,
            imported_by: statement.imported_by.clone(),
            imported_at: statement.imported_at.naive(),
        }
    }

    fn read(self) -> Result<Statement, StoreError> {
        let sha256 = <[u8; 32]>::try_from(self.sha256.as_slice());
        let state = StatementState::by_name(&self.state);
        Ok(Statement {
            id: StatementId::from_uuid(types::uuid(&self.id, "statements.id")?),
            partner: types::partner(&self.partner_id)?,
            period: period(&self.period)?,
            part: self.part,
            version: self.version,
            sha256: sha256.map_err(|_length| StoreError::Corrupt("statements.sha256"))?,
            file_name: self.file_name,
            charset: self.charset,
            packed: self.packed,
            state: state.ok_or(StoreError::Corrupt("statements.state"))?,
            lines: self.lines,
            imported_by: self.imported_by,
            imported_at: types::moment(self.imported_at),
        })
    }
}

impl<'a> NewLine<'a> {
    fn of(id: &'a StatementId, line: &'a StatementLine) -> Self {
        Self {
            statement_id: id.bytes(),
            line: i64::try_from(line.number).unwrap_or(i64::MAX),
            content: line.content().bytes().to_vec(),
            kind: line.kind.name(),
            event_id: line.event.as_ref().map(|id| id.as_str()),
            order_number: line.order.as_ref().map(|order| order.as_str()),
            currency: line.value.currency.code(),
            minor: line.value.minor,
            occurred_at: line.at.naive(),
            store: line.store.as_ref().map(|store| store.as_str()),
            is_void: line.is_void,
        }
    }
}

impl LineRow {
    fn read(self) -> Result<StatementLine, StoreError> {
        Ok(StatementLine {
            number: number(self.line)?,
            kind: kind(&self.kind)?,
            event: self.event_id.map(|id| text(id, "statement_lines.event_id")).transpose()?,
            order: self.order_number.map(|it| text(it, "statement_lines.order")).transpose()?,
            value: value(&self.currency, self.minor)?,
            at: types::moment(self.occurred_at),
            store: self.store.map(|store| text(store, "statement_lines.store")).transpose()?,
            is_void: self.is_void,
        })
    }
}
