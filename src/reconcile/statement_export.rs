//! A statement with its entries as a file: signed, to be checked offline, and for people's programs. The
//! same settlement gives the same bytes.

use std::io::Write;

use chrono_tz::Tz;
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, FormatAlign, Workbook, XlsxError};

use super::export_error::ExportError;
use super::refusal::ReconcileRefusal;
use super::settled_entries::{EntryPlace, NamedEntry, StatedEntry, name, of_settlement};
use super::settlement::{OWED, When, statement_no};
use super::statement_check::STATEMENT_TYPE;
use super::statement_lines::{KeptLine, KeptStatement, LineNumbers};
use super::statement_pdf::PrintedStatement;
use crate::ledger::chain::Hash;
use crate::secrets::keys::TokenKeys;
use crate::spreadsheet;
use crate::store::Db;
use crate::store::settlements::{Settlement, SettlementState};

/// The kinds of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatementFormat {
    /// JSON lines: the statement as a JWS, then its entries.
    Signed,
    Csv,
    Xlsx,
    Pdf,
}

/// What a file is made with.
pub struct Maker<'a> {
    pub keys: &'a TokenKeys,
    pub zone: Tz,
    /// The most entries of a file, but for a PDF, which has none.
    pub entries_max: u64,
}

const ROWS_AT_ONCE: i64 = 2_000;
/// A worksheet has 1,048,576 rows (ECMA-376), and one of them is the head.
const SHEET_ROWS_MAX: u64 = 1_048_575;
/// Beyond it not every whole number is a double, and cells are doubles.
const EXACT_MAX: u64 = 1 << 53;

const CSV_HEAD: [&str; 17] = [
    "row",
    "line",
    "account",
    "kind",
    "late",
    "entries",
    "event",
    "receipt",
    "seq",
    "effective_at",
    "recorded_at",
    "amount",
    "vat_rate",
    "net",
    "vat",
    "says",
    "says_zh",
];

impl StatementFormat {
    pub const ALL: [Self; 4] = [Self::Signed, Self::Csv, Self::Xlsx, Self::Pdf];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Signed => "signed",
            Self::Csv => "csv",
            Self::Xlsx => "xlsx",
            Self::Pdf => "pdf",
        }
    }

    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Signed => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Self::Pdf => "application/pdf",
        }
    }

    /// How the name of such a file ends.
    #[must_use]
    pub const fn ending(self) -> &'static str {
        match self {
            Self::Signed => "ndjson",
            Self::Csv => "csv",
            Self::Xlsx => "xlsx",
            Self::Pdf => "pdf",
        }
    }
}

/// The most entries of a file that is made in memory.
const FILE_ENTRIES_MAX: u64 = 100_000;

/// The file of a settlement, in memory.
pub struct StatementMade {
    pub name: String,
    pub bytes: Vec<u8>,
}

impl StatementMade {
    /// Makes the file of a settlement. The same statement gives the same bytes.
    ///
    /// # Errors
    /// As [`export`].
    pub fn of(
        db: &mut Db,
        settlement: &Settlement,
        format: StatementFormat,
        keys: &TokenKeys,
        zone: Tz,
    ) -> Result<Self, ReconcileRefusal> {
        let maker = Maker { keys, zone, entries_max: FILE_ENTRIES_MAX };
        let mut bytes = Vec::new();
        export(db, settlement, format, &maker, &mut bytes)?;
        let Settlement { partner, period, number, .. } = settlement;
        let number = statement_no(partner, *period, *number);
        Ok(Self { name: format!("{number}.{}", format.ending()), bytes })
    }
}

/// Writes the file of a settlement. Only a closed month is signed.
///
/// # Errors
/// [`ReconcileRefusal::NotClosed`], [`ReconcileRefusal::EntriesMany`], [`ReconcileRefusal::Export`].
pub fn export(
    db: &mut Db,
    settlement: &Settlement,
    format: StatementFormat,
    maker: &Maker<'_>,
    out: &mut impl Write,
) -> Result<(), ReconcileRefusal> {
    let statement: KeptStatement = serde_json::from_str(&settlement.content)?;
    let entries: u64 = statement.lines.iter().map(|line| line.entries).sum();
    let most = if format == StatementFormat::Xlsx { SHEET_ROWS_MAX } else { u64::MAX };
    if format != StatementFormat::Pdf && entries > maker.entries_max.min(most) {
        return Err(ReconcileRefusal::EntriesMany);
    }
    let closed_at = match settlement.state {
        SettlementState::Closed { at, .. } => Some(at),
        SettlementState::Proposed | SettlementState::Rejected { .. } => None,
    };
    match format {
        StatementFormat::Signed => {
            let at = closed_at.ok_or(ReconcileRefusal::NotClosed)?;
            let signed = maker.keys.sign(STATEMENT_TYPE, settlement.content.as_bytes(), at);
            let head = serde_json::json!({ "statement": signed.map_err(ExportError::Sign)? });
            writeln!(out, "{head}").map_err(ExportError::Io)?;
            each_entry(db, settlement, maker.zone, |entry| {
                let line = serde_json::to_string(&StatedEntry::from(entry))?;
                Ok(writeln!(out, "{line}").map_err(ExportError::Io)?)
            })
        }
        StatementFormat::Csv => csv(db, settlement, &statement, maker.zone, out),
        StatementFormat::Xlsx => {
            let made = workbook(db, settlement, &statement, maker.zone)?;
            Ok(out.write_all(&made).map_err(ExportError::Io)?)
        }
        StatementFormat::Pdf => {
            let (cut_at, zone) = (settlement.cut_at, maker.zone);
            let (sha256, statement) = (Hash(settlement.sha256), &statement);
            let printed = PrintedStatement { statement, sha256, closed_at, cut_at, zone };
            let made = printed.pdf().map_err(ExportError::Sheet)?;
            Ok(out.write_all(&made).map_err(ExportError::Io)?)
        }
    }
}

/// Gives every entry, in the order of the statement's hash.
fn each_entry(
    db: &mut Db,
    settlement: &Settlement,
    zone: Tz,
    mut take: impl FnMut(NamedEntry) -> Result<(), ReconcileRefusal>,
) -> Result<(), ReconcileRefusal> {
    let month = of_settlement(db, settlement, zone)?;
    let mut place = OWED.first().map(|account| EntryPlace { account: *account, after: None });
    while let Some(from) = place {
        let part = month.part(db, &OWED, from, ROWS_AT_ONCE)?;
        place = part.next;
        for entry in name(db, &settlement.partner, part.entries)? {
            take(entry)?;
        }
    }
    Ok(())
}

/// Lines first, then entries, each with the number of its line. Text of the partner that a spreadsheet might
/// run begins with an apostrophe.
fn csv(
    db: &mut Db,
    settlement: &Settlement,
    statement: &KeptStatement,
    zone: Tz,
    out: &mut impl Write,
) -> Result<(), ReconcileRefusal> {
    let mut out = csv::Writer::from_writer(out);
    out.write_record(CSV_HEAD).map_err(ExportError::Csv)?;
    for (place, line) in statement.lines.iter().enumerate() {
        let number = place.saturating_add(1).to_string();
        let late = if line.late { "late" } else { "" };
        let entries = line.entries.to_string();
        let [rate, net, vat] = tax_texts(line);
        out.write_record([
            line.line.as_str(),
            &number,
            &line.account,
            &line.kind,
            late,
            &entries,
            "",
            "",
            "",
            "",
            "",
            &line.amount,
            &rate,
            &net,
            &vat,
            &line.says,
            &line.says_zh,
        ])
        .map_err(ExportError::Csv)?;
    }
    let numbers = LineNumbers::of(statement);
    each_entry(db, settlement, zone, |NamedEntry { entry, event }| {
        let number = numbers.of_entry(&entry).map(|number| number.to_string()).unwrap_or_default();
        let late = if entry.when == When::Late { "late" } else { "" };
        let event = event.map(|event| event.to_string()).unwrap_or_default();
        let written = out.write_record([
            "entry",
            &number,
            entry.account.name(),
            entry.kind.name(),
            late,
            "",
            &spreadsheet::cell(&event),
            &entry.transaction.to_string(),
            &entry.seq.to_string(),
            &entry.effective_at.to_string(),
            &entry.recorded_at.to_string(),
            &entry.amount.to_string(),
            "",
            "",
            "",
            "",
            "",
        ]);
        Ok(written.map_err(ExportError::Csv)?)
    })?;
    out.flush().map_err(ExportError::Io)?;
    Ok(())
}

/// Two sheets: lines and entries. Amounts are numbers where a cell holds them exactly; everything else is
/// text, which a spreadsheet does not run.
fn workbook(
    db: &mut Db,
    settlement: &Settlement,
    statement: &KeptStatement,
    zone: Tz,
) -> Result<Vec<u8>, ReconcileRefusal> {
    let mut workbook = Workbook::new();
    let made_at = ExcelDateTime::from_timestamp(settlement.cut_at.unix_seconds());
    let made_at = made_at.map_err(ExportError::Xlsx)?;
    let title = format!("Settlement statement {}", statement.statement_no);
    let properties = DocProperties::new().set_title(title).set_creation_datetime(&made_at);
    workbook.set_properties(&properties);
    let head = [
        "line 行",
        "sort 类别",
        "account 账户",
        "kind 类型",
        "late 迟到",
        "entries 笔数",
        "says",
        "says_zh 说明",
        "vat_rate 税率",
        "net 不含税",
        "vat 税额",
        "amount 金额",
    ];
    let mut sheet =
        Sheet::begin(&mut workbook, "Lines 对账单", &head).map_err(ExportError::Xlsx)?;
    for (place, line) in statement.lines.iter().enumerate() {
        sheet.row(&SheetRow::of_line(place.saturating_add(1), line)).map_err(ExportError::Xlsx)?;
    }
    let head = [
        "line 行",
        "account 账户",
        "kind 类型",
        "late 迟到",
        "event 事件",
        "receipt 回执",
        "seq 序",
        "effective_at 发生时间",
        "recorded_at 入账时间",
        "amount 金额",
    ];
    let numbers = LineNumbers::of(statement);
    let mut sheet =
        Sheet::begin(&mut workbook, "Entries 明细", &head).map_err(ExportError::Xlsx)?;
    each_entry(db, settlement, zone, |NamedEntry { entry, event }| {
        let late = if entry.when == When::Late { "late" } else { "" };
        let number = numbers.of_entry(&entry).map(|number| number.to_string()).unwrap_or_default();
        let row = SheetRow {
            texts: vec![
                number,
                entry.account.name().to_owned(),
                entry.kind.name().to_owned(),
                late.to_owned(),
                event.map(|event| event.to_string()).unwrap_or_default(),
                entry.transaction.to_string(),
                entry.seq.to_string(),
                entry.effective_at.to_string(),
                entry.recorded_at.to_string(),
            ],
            amounts: vec![entry.amount.to_string()],
        };
        Ok(sheet.row(&row).map_err(ExportError::Xlsx)?)
    })?;
    Ok(workbook.save_to_buffer().map_err(ExportError::Xlsx)?)
}

/// A row of texts with amounts at its end.
struct SheetRow {
    texts: Vec<String>,
    /// Empty for a cell without an amount.
    amounts: Vec<String>,
}

/// The rate of tax of a line, its net amount and its tax; empty where it names none.
fn tax_texts(line: &KeptLine) -> [String; 3] {
    line.tax
        .clone()
        .map_or_else(Default::default, |tax| [tax.vat_rate.to_string(), tax.net, tax.vat])
}

impl SheetRow {
    fn of_line(number: usize, line: &KeptLine) -> Self {
        let late = if line.late { "late" } else { "" };
        let [rate, net, vat] = tax_texts(line);
        let texts = vec![
            number.to_string(),
            line.line.clone(),
            line.account.clone(),
            line.kind.clone(),
            late.to_owned(),
            line.entries.to_string(),
            line.says.clone(),
            line.says_zh.clone(),
            rate,
        ];
        Self { texts, amounts: vec![net, vat, line.amount.clone()] }
    }
}

/// A sheet that is being filled.
struct Sheet<'a> {
    sheet: &'a mut rust_xlsxwriter::Worksheet,
    amount: Format,
    next: u32,
}

impl<'a> Sheet<'a> {
    fn begin(workbook: &'a mut Workbook, title: &str, head: &[&str]) -> Result<Self, XlsxError> {
        let sheet = workbook.add_worksheet();
        sheet.set_name(title)?;
        let bold = Format::new().set_bold();
        for (column, text) in (0_u16..).zip(head) {
            sheet.write_string_with_format(0, column, *text, &bold)?;
            sheet.set_column_width(column, if text.len() > 12 { 24 } else { 12 })?;
        }
        sheet.set_freeze_panes(1, 0)?;
        let amount = Format::new().set_num_format("#,##0.00").set_align(FormatAlign::Right);
        Ok(Self { sheet, amount, next: 1 })
    }

    fn row(&mut self, row: &SheetRow) -> Result<(), XlsxError> {
        let mut columns = 0_u16..;
        for (text, column) in row.texts.iter().zip(&mut columns) {
            self.sheet.write_string(self.next, column, text)?;
        }
        for (amount, column) in row.amounts.iter().zip(&mut columns) {
            self.amount(column, amount)?;
        }
        self.next = self.next.saturating_add(1);
        Ok(())
    }

    fn amount(&mut self, column: u16, amount: &str) -> Result<(), XlsxError> {
        let minor: Option<u64> = amount.replace(['.', '-'], "").parse().ok();
        let number: Option<f64> = amount.parse().ok();
        match number.filter(|_number| minor.is_some_and(|minor| minor < EXACT_MAX)) {
            Some(number) => {
                self.sheet.write_number_with_format(self.next, column, number, &self.amount)?;
            }
            None => {
                self.sheet.write_string(self.next, column, amount)?;
            }
        }
        Ok(())
    }
}
