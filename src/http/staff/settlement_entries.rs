//! What a settlement is made of, where an entry stands, and what the partner says of its statement.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::settlements::read_month;
use crate::clock::Moment;
use crate::http::Gateway;
use crate::http::access::staff::{ReadBreaks, Staff};
use crate::http::problem::Problem;
use crate::http::server::page::Place;
use crate::ids::{PartnerId, TransactionId};
use crate::ledger::AccountCode;
use crate::money::Amount;
use crate::reconcile::closing;
use crate::reconcile::period::Period;
use crate::reconcile::refusal::ReconcileRefusal;
use crate::reconcile::settled_entries::{self, EntryPlace, StatedEntry, TracedEntry};
use crate::reconcile::settlement::OWED;
use crate::reconcile::settlement_answer::{GivenAnswer, SettlementAnswer};
use crate::reconcile::statement_export::{StatementFormat, StatementMade};
use crate::secrets::keys::TokenKeys;
use crate::store::settlements::Settlement;
use crate::store::{Db, settlement_answers};

#[derive(Serialize, ToSchema)]
#[schema(as = SettlementEntries)]
pub(in crate::http) struct EntryViews {
    entries: Vec<StatedEntry>,
    /// Where more may follow; then a page may have fewer entries than asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next: Option<String>,
}

/// Which entries are asked for.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct EntryPage {
    /// The entries of one line of the statement, by its number from 1.
    #[param(minimum = 1, required = false, nullable = false)]
    line: Option<u32>,
    /// The `next` of the page before.
    #[param(required = false, nullable = false)]
    cursor: Option<String>,
    /// 20, when absent.
    #[param(minimum = 1, maximum = 100, required = false, nullable = false)]
    limit: Option<u16>,
}

/// An entry on an account on which the bank owes a partner, and the statement that it stands in.
#[derive(Serialize, ToSchema)]
#[schema(as = EntryInSettlement)]
struct TracedView {
    partner: PartnerId,
    #[schema(value_type = String)]
    account: AccountCode,
    amount: Amount,
    /// Absent: its month is not closed yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    statement_no: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    period: Option<Period>,
    /// It happened in an earlier month.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    late: Option<bool>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = EntriesInSettlements)]
pub(in crate::http) struct TracedViews {
    entries: Vec<TracedView>,
}

/// What a partner said of its statement.
#[derive(Serialize, ToSchema)]
#[schema(as = SettlementAnswer)]
pub(in crate::http) struct AnswerView {
    number: i64,
    /// `accepted` or `disputed`.
    answer: &'static str,
    /// The line of the statement, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    line: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason: Option<String>,
    answered_at: Moment,
}

#[derive(Serialize, ToSchema)]
#[schema(as = SettlementAnswers)]
pub(in crate::http) struct AnswerViews {
    answers: Vec<AnswerView>,
}

/// The entries behind a settlement, or behind one of its lines: what they sum to is what the line says.
#[utoipa::path(
    get, path = "/v1/settlements/{partner}/{period}/entries", tag = "Reconciliation",
    security(("staff" = ["reconcile"]), ("staff" = ["settle"])),
    params(
        ("partner" = PartnerId, Path, description = "The partner."),
        ("period" = Period, Path, description = "The month."),
        EntryPage,
    ),
    responses((status = 200, description = "A page.", body = EntryViews))
)]
pub async fn get_settlement_entries(
    _staff: Staff<ReadBreaks>,
    gateway: web::Data<Gateway>,
    path: web::Path<(String, String)>,
    page: web::Query<EntryPage>,
) -> Result<HttpResponse, Problem> {
    let order = read_month(&gateway, path)?;
    let wanted = Wanted::read(page.into_inner())?;
    let zone = gateway.time_zone;
    let found = move |db: &mut Db| {
        let settlement = closing::read(db, &order)?;
        wanted.find(db, &settlement, zone)
    };
    Ok(HttpResponse::Ok().json(gateway.main.ask_or(found).await?))
}

/// What the partner said of the statement: nothing of it changes the month.
#[utoipa::path(
    get, path = "/v1/settlements/{partner}/{period}/answers", tag = "Reconciliation",
    security(("staff" = ["reconcile"]), ("staff" = ["settle"])),
    params(
        ("partner" = PartnerId, Path, description = "The partner."),
        ("period" = Period, Path, description = "The month."),
    ),
    responses((status = 200, description = "The answers.", body = AnswerViews))
)]
pub async fn get_settlement_answers(
    _staff: Staff<ReadBreaks>,
    gateway: web::Data<Gateway>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let order = read_month(&gateway, path)?;
    let found = move |db: &mut Db| {
        let settlement = closing::read(db, &order)?;
        Ok::<_, ReconcileRefusal>(settlement_answers::of(db, &settlement)?)
    };
    let answers = AnswerView::all(gateway.main.ask_or(found).await?);
    Ok(HttpResponse::Ok().json(AnswerViews { answers }))
}

/// Which file is asked for.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct FileQuery {
    /// `signed` (the statement as a JWS, then its entries, one JSON a line), `csv`, `xlsx` or `pdf`.
    #[param(pattern = "^(signed|csv|xlsx|pdf)$", required = true, nullable = false)]
    format: Option<String>,
}

/// The statement with its entries as a file; a PDF has no entries. The same statement gives the same bytes.
#[utoipa::path(
    get, path = "/v1/settlements/{partner}/{period}/file", tag = "Reconciliation",
    security(("staff" = ["reconcile"]), ("staff" = ["settle"])),
    params(
        ("partner" = PartnerId, Path, description = "The partner."),
        ("period" = Period, Path, description = "The month."),
        FileQuery,
    ),
    responses((status = 200, description = "The file.", content(
        (String = "application/x-ndjson"), (String = "text/csv"), (String = "application/pdf"),
        (String = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    )))
)]
pub async fn get_settlement_file(
    _staff: Staff<ReadBreaks>,
    gateway: web::Data<Gateway>,
    path: web::Path<(String, String)>,
    query: web::Query<FileQuery>,
) -> Result<HttpResponse, Problem> {
    let order = read_month(&gateway, path)?;
    let format = query.into_inner().read()?;
    let file = OrderedFile { format, zone: gateway.time_zone, keys: gateway.main.keys.clone() };
    let place = gateway.statement_files.enter()?;
    let made = move |db: &mut Db| {
        let _place = place;
        let settlement = closing::read(db, &order)?;
        file.make(db, &settlement)
    };
    Ok(gateway.main.ask_or(made).await?.answer())
}

impl FileQuery {
    pub(in crate::http) fn read(self) -> Result<StatementFormat, Problem> {
        let format = StatementFormat::by_name(&self.format.unwrap_or_default());
        let names = StatementFormat::ALL.map(StatementFormat::name).join(", ");
        format.ok_or_else(|| Problem::parameter("format", &format!("expected one of {names}")))
    }
}

/// A file that is to be made.
pub(in crate::http) struct OrderedFile {
    pub format: StatementFormat,
    pub zone: chrono_tz::Tz,
    pub keys: TokenKeys,
}

/// A file that was made.
pub(in crate::http) struct MadeFile {
    format: StatementFormat,
    made: StatementMade,
}

impl OrderedFile {
    pub(in crate::http) fn make(
        &self,
        db: &mut Db,
        settlement: &Settlement,
    ) -> Result<MadeFile, ReconcileRefusal> {
        let Self { format, zone, keys } = self;
        let made = StatementMade::of(db, settlement, *format, keys, *zone)?;
        Ok(MadeFile { format: *format, made })
    }
}

impl MadeFile {
    pub(in crate::http) fn answer(self) -> HttpResponse {
        let StatementMade { name, bytes } = self.made;
        HttpResponse::Ok()
            .content_type(self.format.media_type())
            .insert_header((
                header::CONTENT_DISPOSITION,
                format!("attachment; filename=\"{name}\""),
            ))
            .body(bytes)
    }
}

/// In which statements a transaction stands.
#[utoipa::path(
    get, path = "/v1/transactions/{transaction}/settlement", tag = "Reconciliation",
    security(("staff" = ["reconcile"]), ("staff" = ["settle"])),
    params(("transaction" = TransactionId, Path, description = "The transaction: its receipt.")),
    responses((status = 200, description = "Its entries.", body = TracedViews))
)]
pub async fn get_transaction_settlement(
    _staff: Staff<ReadBreaks>,
    gateway: web::Data<Gateway>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = TransactionId::try_from(path.as_str()).map_err(|_invalid| Problem::not_found())?;
    let zone = gateway.time_zone;
    let found = move |db: &mut Db| settled_entries::trace(db, id, None, zone);
    Ok(HttpResponse::Ok().json(TracedViews::of(gateway.main.ask_or(found).await?)))
}

/// A page of entries as it was asked for.
pub(in crate::http) struct Wanted {
    line: Option<u32>,
    place: Place<EntryPlace>,
}

impl Wanted {
    pub(in crate::http) fn read(page: EntryPage) -> Result<Self, Problem> {
        let EntryPage { line, cursor, limit } = page;
        Ok(Self { line, place: Place::read(limit, cursor.as_deref(), read_cursor)? })
    }

    /// # Errors
    /// [`ReconcileRefusal::LineUnknown`], or the store's.
    pub(in crate::http) fn find(
        self,
        db: &mut Db,
        settlement: &Settlement,
        zone: chrono_tz::Tz,
    ) -> Result<EntryViews, ReconcileRefusal> {
        let mut line = None;
        if let Some(number) = self.line {
            line = settled_entries::line_of(settlement, number)?.key();
            // The opening balance, the payout and what is carried forward have no entries.
            if line.is_none() {
                return Ok(EntryViews { entries: Vec::new(), next: None });
            }
        }
        let month = settled_entries::of_settlement(db, settlement, zone)?;
        let part = month.page(db, line, self.place.after, self.place.lines())?;
        let named = settled_entries::name(db, &settlement.partner, part.entries)?;
        let entries = named.into_iter().map(StatedEntry::from).collect();
        Ok(EntryViews { entries, next: part.next.map(cursor_of) })
    }
}

fn cursor_of(place: EntryPlace) -> String {
    let account = place.account.name();
    match place.after {
        Some((transaction, seq)) => format!("{account}~{transaction}~{seq}"),
        None => account.to_owned(),
    }
}

fn read_cursor(cursor: &str) -> Option<EntryPlace> {
    let mut parts = cursor.split('~');
    let account = AccountCode::by_name(parts.next()?)?;
    let after = match (parts.next(), parts.next()) {
        (Some(id), Some(seq)) => Some((TransactionId::try_from(id).ok()?, seq.parse().ok()?)),
        (None, _) => None,
        (Some(_), None) => return None,
    };
    OWED.contains(&account).then_some(EntryPlace { account, after })
}

impl TracedViews {
    pub(in crate::http) fn of(traced: Vec<TracedEntry>) -> Self {
        let entries = traced.into_iter().map(|entry| {
            let statement = entry.statement;
            TracedView {
                partner: entry.partner,
                account: entry.account,
                amount: entry.amount,
                period: statement.as_ref().map(|it| it.period),
                late: statement.as_ref().map(|it| it.late),
                statement_no: statement.map(|it| it.statement_no),
            }
        });
        Self { entries: entries.collect() }
    }
}

impl AnswerView {
    pub(in crate::http) fn all(answers: Vec<GivenAnswer>) -> Vec<Self> {
        answers.into_iter().map(Self::of).collect()
    }

    fn of(given: GivenAnswer) -> Self {
        let name = given.answer.name();
        let (line, reason) = match given.answer {
            SettlementAnswer::Accepted => (None, None),
            SettlementAnswer::Disputed { line, reason } => (Some(line), Some(reason)),
        };
        let (number, answered_at) = (given.number, given.answered_at);
        Self { number, answer: name, line, reason, answered_at }
    }
}
