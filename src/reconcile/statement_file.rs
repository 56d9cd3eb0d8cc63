//! A partner's statement as a file: its lines by the manifest's `[statement]`, and the controls that
//! hold before any line is used. Every refusal names the line.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{NaiveDateTime, TimeZone};
use chrono_tz::Tz;
use csv::StringRecord;

use super::item::{Currency, ItemKind, ItemValue};
use super::period::{MARGIN_DAYS, Period, PeriodSpan};
use super::statement::{LineProblem, StatementLine};
use super::statement_trailer::{TotalsCheck, TotalsStep};
use crate::clock::Moment;
use crate::ids::{EventId, OrderNumber, StoreName};
use crate::intake::columns::place_of;
use crate::intake::{Charset, IntakeError, Records, Text, scan, text_of, unpack};
use crate::money::{Amount, Asset};
use crate::partner::statement_map::{LineMeaning, StatementMap};

/// Where a file is read, as often as needed.
#[derive(Clone, Debug)]
pub enum FileSource {
    Path(PathBuf),
    Bytes(Arc<Vec<u8>>),
}

/// What a file is read by.
#[derive(Clone, Copy)]
pub struct FileReading<'a> {
    pub map: &'a StatementMap,
    /// The charset that the sender declared, if any.
    pub charset: Option<Charset>,
    pub zone: Tz,
    /// The month whose lines they are.
    pub period: Period,
    /// Bytes of the file, unpacked.
    pub bytes_max: u64,
}

/// A file that keeps to its controls.
#[derive(Clone, Debug)]
pub struct CheckedFile {
    /// The file as text: a workbook is made into CSV once.
    pub text: FileSource,
    pub sha256: [u8; 32],
    pub charset: Charset,
    pub packed: bool,
    /// Lines that are compared.
    pub lines: u64,
}

/// Why a file is not a statement. Nothing of it is kept.
#[derive(Debug, thiserror::Error)]
pub enum FileFault {
    #[error(transparent)]
    File(#[from] IntakeError),
    #[error("{}", in_words(.0))]
    Lines(Vec<LineProblem>),
    #[error("the file was changed while it was read")]
    Changed,
    #[error("the file's SHA-256 is not the one that was declared")]
    NotDeclared,
}

/// So many problems are named at once.
const PROBLEMS_MAX: usize = 100;

/// The lines of a file after its header.
pub struct StatementLines<'a> {
    records: Records<Box<dyn Read + Send>>,
    columns: Columns,
    reading: FileReading<'a>,
    /// In which lines may lie.
    span: PeriodSpan,
    /// The line that was read last.
    last: u64,
    totals: TotalsCheck,
}

/// What the next line is.
pub enum NextLine {
    Line(StatementLine),
    /// It is not compared.
    Passed,
    Problem(LineProblem),
    End,
}

struct Columns {
    width: usize,
    event: Option<usize>,
    order: Option<usize>,
    occurred_at: usize,
    amount: usize,
    /// Where the amount of a line of that kind stands, if the file has that column.
    amounts: BTreeMap<String, Option<usize>>,
    kind: Option<usize>,
    currency: Option<usize>,
    store: Option<usize>,
    status: Option<usize>,
}

/// A source as text.
struct TextSource {
    source: FileSource,
    /// The SHA-256 of the file of which the text was made.
    made_from: Option<[u8; 32]>,
}

impl FileSource {
    pub(super) fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(match self {
            Self::Path(path) => Box::new(File::open(path)?),
            Self::Bytes(bytes) => Box::new(Cursor::new(SharedBytes(Arc::clone(bytes)))),
        })
    }

    /// Reads the whole file once: its hash and charset, every line, and the trailer.
    ///
    /// # Errors
    /// [`FileFault`], which names up to a hundred lines.
    pub fn check(&self, reading: FileReading<'_>) -> Result<CheckedFile, FileFault> {
        let text = self.as_text(reading.bytes_max)?;
        let file = text.source.open().map_err(IntakeError::from)?;
        let found = scan(file, reading.bytes_max, reading.charset)?;
        let charset = Charset::by_name(found.charset).unwrap_or(Charset::Utf8);
        let mut lines = text.source.lines(FileReading { charset: Some(charset), ..reading })?;
        let (mut problems, mut kept) = (Vec::new(), 0_u64);
        loop {
            match lines.next_line()? {
                NextLine::Line(_) => kept = kept.saturating_add(1),
                NextLine::Passed => {}
                NextLine::Problem(problem) => problems.push(problem),
                NextLine::End => break,
            }
            if problems.len() >= PROBLEMS_MAX {
                break;
            }
        }
        if !problems.is_empty() {
            return Err(FileFault::Lines(problems));
        }
        let packed = found.packed || text.made_from.is_some();
        let sha256 = text.made_from.unwrap_or(found.sha256);
        Ok(CheckedFile { text: text.source, sha256, charset, packed, lines: kept })
    }

    /// A ZIP archive and a workbook become CSV in memory; other files are read where they are.
    fn as_text(&self, bytes_max: u64) -> Result<TextSource, IntakeError> {
        Ok(match text_of(self.open()?, bytes_max)? {
            Text::Same(_) => TextSource { source: self.clone(), made_from: None },
            Text::Made { csv, sha256 } => {
                let source = Self::Bytes(Arc::new(csv));
                TextSource { source, made_from: Some(sha256) }
            }
        })
    }

    /// The lines of a text whose charset is known.
    ///
    /// # Errors
    /// [`IntakeError`], if the file or its header cannot be used.
    pub fn lines<'a>(&self, reading: FileReading<'a>) -> Result<StatementLines<'a>, IntakeError> {
        let charset = reading.charset.unwrap_or(Charset::Utf8);
        let (unpacked, _packed) = unpack(self.open()?)?;
        let comment = reading.map.comment.as_deref();
        let records = Records::open_past(comment, unpacked, charset, reading.bytes_max)?;
        let header: StringRecord = records.header().iter().map(plain).collect();
        let columns = Columns::find(reading.map, &header)?;
        let totals = TotalsCheck::new(reading.map.trailer.as_ref(), &header)?;
        let span = reading.period.span(reading.zone).around();
        Ok(StatementLines { records, columns, reading, span, last: 1, totals })
    }
}

struct SharedBytes(Arc<Vec<u8>>);

impl AsRef<[u8]> for SharedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Columns {
    fn find(map: &StatementMap, header: &StringRecord) -> Result<Self, IntakeError> {
        let place = |name: &str| place_of(name, header);
        let optional = |name: &Option<String>| name.as_deref().map(place).transpose();
        let of_kind = |(kind, name): (&String, &String)| (kind.clone(), place(name).ok());
        Ok(Self {
            width: header.len(),
            event: optional(&map.event)?,
            order: optional(&map.order)?,
            occurred_at: place(&map.occurred_at)?,
            amount: place(&map.amount)?,
            amounts: map.amounts.iter().map(of_kind).collect(),
            kind: optional(&map.kind)?,
            currency: optional(&map.currency)?,
            store: optional(&map.store)?,
            status: optional(&map.status)?,
        })
    }
}

impl StatementLines<'_> {
    /// The next line. At the end the trailer is checked.
    ///
    /// # Errors
    /// [`IntakeError`], if the rest of the file cannot be read.
    pub fn next_line(&mut self) -> Result<NextLine, IntakeError> {
        let charset = self.records.charset();
        let Some(record) = self.records.next_record()? else {
            let missing = self.totals.missing();
            let problem = |problem| NextLine::Problem(LineProblem { line: self.last, problem });
            return Ok(missing.map_or(NextLine::End, problem));
        };
        let line = record.number;
        self.last = line;
        let problem = |problem: String| NextLine::Problem(LineProblem { line, problem });
        let Some(fields) = record.fields(charset) else {
            return Ok(problem(format!("not {}", charset.name().to_uppercase())));
        };
        if is_comment(self.reading.map.comment.as_deref(), &fields) {
            let text: Vec<&str> = fields.iter().collect();
            let looked = self.totals.look_at_comment(line, &text.join(","));
            return Ok(looked.map_or_else(problem, |()| NextLine::Passed));
        }
        match self.totals.look(line, &fields) {
            Ok(TotalsStep::Line) => {}
            Ok(TotalsStep::OfTotals) => return Ok(NextLine::Passed),
            Err(what) => return Ok(problem(what)),
        }
        let counted = self.totals.count(&fields);
        Ok(match counted.and_then(|()| self.read(line, &fields)) {
            Ok(Some(line)) => NextLine::Line(line),
            Ok(None) => NextLine::Passed,
            Err(what) => problem(what),
        })
    }

    fn read(
        &mut self,
        number: u64,
        fields: &StringRecord,
    ) -> Result<Option<StatementLine>, String> {
        let (map, width) = (self.reading.map, self.columns.width);
        if fields.len() != width {
            return Err(format!("{} fields where the header has {width}", fields.len()));
        }
        let cell = |column: usize| fields.get(column).map(plain).unwrap_or_default();
        let filled = |column: Option<usize>| column.map(cell).filter(|text| !text.is_empty());
        let AmountColumn { place, name } = self.amount_column(filled(self.columns.kind))?;
        let amount = Amount::parse(cell(place), Asset::CNY);
        let amount = amount.map_err(|error| format!("{name}: {error}"))?;
        self.totals.add(amount);
        let Some(kind) = self.kind(filled(self.columns.kind), amount)? else { return Ok(None) };
        let named = |name: &Option<String>| name.clone().unwrap_or_default();
        let event = filled(self.columns.event).map(EventId::try_from).transpose();
        let event = event.map_err(|error| format!("{}: {error}", named(&map.event)))?;
        let order = filled(self.columns.order).map(OrderNumber::try_from).transpose();
        let order = order.map_err(|error| format!("{}: {error}", named(&map.order)))?;
        if event.is_none() && order.is_none() {
            return Err("neither an event id nor an order: the line has no key".to_owned());
        }
        let store = filled(self.columns.store).map(StoreName::try_from).transpose();
        let store = store.map_err(|error| format!("{}: {error}", named(&map.store)))?;
        let currency = match filled(self.columns.currency) {
            Some(code) if kind.asset() == Asset::CNY => Currency::by_code(code)
                .ok_or_else(|| format!("{}: expected a code such as CNY", named(&map.currency)))?,
            Some(_) | None => Currency::of(kind.asset()),
        };
        let at = moment(cell(self.columns.occurred_at), self.reading.zone)
            .ok_or_else(|| format!("{}: expected a date and time", map.occurred_at))?;
        self.check_month(at)?;
        let minor = amount.minor().checked_abs().ok_or("the amount is out of range")?;
        let is_void = filled(self.columns.status).is_some_and(|status| map.void.contains(status));
        let value = ItemValue { currency, minor };
        Ok(Some(StatementLine { number, kind, event, order, value, at, store, is_void }))
    }

    fn amount_column(&self, kind: Option<&str>) -> Result<AmountColumn<'_>, String> {
        let map = self.reading.map;
        let Some((kind, name)) = kind.and_then(|kind| map.amounts.get_key_value(kind)) else {
            return Ok(AmountColumn { place: self.columns.amount, name: &map.amount });
        };
        let place = self.columns.amounts.get(kind).copied().flatten();
        let place =
            place.ok_or_else(|| format!("{kind} needs the column {name}, which the file lacks"))?;
        Ok(AmountColumn { place, name })
    }

    /// A line of quite another month stands in the wrong file.
    fn check_month(&self, at: Moment) -> Result<(), String> {
        let FileReading { map, period, .. } = self.reading;
        let far = || {
            format!(
                "{}: lies more than {MARGIN_DAYS} days outside {period}: the line belongs to the \
                 statement of its own month",
                map.occurred_at
            )
        };
        self.span.has(at).then_some(()).ok_or_else(far)
    }

    /// `None`: the line is not compared.
    fn kind(&self, said: Option<&str>, amount: Amount) -> Result<Option<ItemKind>, String> {
        let map = self.reading.map;
        let Some(column) = &map.kind else {
            let kind = if amount.is_negative() { ItemKind::Refund } else { ItemKind::Payment };
            return Ok(Some(kind));
        };
        let said = said.unwrap_or_default();
        let meaning = map.kinds.get(said).ok_or_else(|| {
            let known: Vec<&str> = map.kinds.keys().map(String::as_str).collect();
            format!("{column}: expected one of {}", known.join(", "))
        })?;
        Ok(match meaning {
            LineMeaning::Payment => Some(ItemKind::Payment),
            LineMeaning::Refund => Some(ItemKind::Refund),
            LineMeaning::Redemption => Some(ItemKind::Redemption),
            LineMeaning::Return => Some(ItemKind::Return),
            LineMeaning::Ignored => None,
        })
    }
}

struct AmountColumn<'a> {
    place: usize,
    name: &'a str,
}

/// Whether a line is said to be none.
fn is_comment(mark: Option<&str>, fields: &StringRecord) -> bool {
    mark.is_some_and(|mark| fields.get(0).is_some_and(|first| first.starts_with(mark)))
}

/// A cell without the backtick that some partners put before it against spreadsheets.
pub(super) fn plain(cell: &str) -> &str {
    let cell = cell.trim();
    cell.strip_prefix('`').unwrap_or(cell)
}

fn moment(text: &str, zone: Tz) -> Option<Moment> {
    Moment::parse(text).or_else(|| {
        let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok()?;
        let at = zone.from_local_datetime(&local).earliest()?;
        Moment::parse(&at.to_rfc3339())
    })
}

fn in_words(problems: &[LineProblem]) -> String {
    let said: Vec<String> =
        problems.iter().take(3).map(|it| format!("line {}: {}", it.line, it.problem)).collect();
    let more = problems.len().saturating_sub(said.len());
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("{}{more}", said.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: &str = "event = \"id\"\norder = \"order\"\noccurred_at = \"at\"\namount = \"sum\"\n\
        kind = \"type\"\nstore = \"shop\"\nstatus = \"state\"\nvoid = [\"CLOSED\"]\n\
        currency = \"cur\"\n\
        kinds = { SALE = \"payment\", BACK = \"refund\", POINTS = \"redemption\", FEE = \"ignored\" }\n\
        [trailer]\nmark = \"TOTAL\"\ncount = \"order\"\ntotal = \"sum\"\n";
    const HEADER: &str = "`id,`order,`at,`sum,`type,`shop,`state,`cur\n";

    fn check(lines: &str) -> Result<CheckedFile, String> {
        let map: StatementMap = toml::from_str(MAP).unwrap();
        let source = FileSource::Bytes(Arc::new(format!("{HEADER}{lines}").into_bytes()));
        let reading = FileReading {
            map: &map,
            charset: None,
            zone: chrono_tz::Asia::Shanghai,
            period: Period::try_from("2026-10").unwrap(),
            bytes_max: 1_000_000,
        };
        source.check(reading).map_err(|fault| fault.to_string())
    }

    const SALE: &str = "`p-1,`o-1,`2026-10-31 23:59:59,`12.00,`SALE,`s,`OK,`CNY\n";

    #[test]
    fn lines_are_counted_and_the_trailer_is_held_against_them() {
        let good =
            check(&format!("{SALE},o-1,2026-11-01T00:00:00Z,-2.50,BACK,,OK,\nTOTAL,2,,9.50,,,,\n"));
        assert_eq!(good.unwrap().lines, 2);
        let fee =
            check(&format!("{SALE},o-9,2026-11-01T00:00:00Z,-2.50,FEE,,OK,\nTOTAL,2,,9.50,,,,\n"));
        assert_eq!(fee.unwrap().lines, 1);
        assert_eq!(check("TOTAL,0,,0.00,,,,\n").unwrap().lines, 0);
    }

    #[test]
    fn what_is_wrong_is_named_by_its_line() {
        let said = |lines: &str| check(lines).unwrap_err();
        assert_eq!(
            said(&format!("{SALE}TOTAL,2,,12.00,,,,\n")),
            "line 3: says another number of lines: the file has 1"
        );
        assert!(said(&format!("{SALE}TOTAL,1,,12.01,,,,\n")).contains("the lines come to 12.00"));
        assert!(said(SALE).contains("ends without its last line \"TOTAL\""));
        assert!(
            said(&format!("TOTAL,0,,0.00,,,,\n{SALE}"))
                .contains("line 3: stands behind the last line, 2")
        );
        for (from, to, words) in [
            ("`12.00", "twelve", "line 2: sum: not a decimal number"),
            ("`SALE", "GIFT", "line 2: type: expected one of"),
            ("`2026-10-31 23:59:59", "31/10/2026", "line 2: at: expected a date"),
            ("2026-10-31", "2026-09-27", "line 2: at: lies more than 3 days outside 2026-10"),
            ("2026-10-31", "2026-11-04", "line 2: at: lies more than 3 days outside 2026-10"),
            ("2026-10-31 ", "9999-12-31T", "line 2: at: expected a date"),
            ("`2026-10-31 23:59:59", "9999-12-31T23:59:59Z", "line 2: at: lies more than 3 days"),
            ("`CNY", "yuan", "line 2: cur: expected a code"),
            ("`p-1,`o-1", ",", "line 2: neither an event id nor an order"),
            ("`s,", "", "line 2: 7 fields where the header has 8"),
        ] {
            let said = said(&format!("{}TOTAL,1,,12.00,,,,\n", SALE.replace(from, to)));
            assert!(said.starts_with(words), "{said}");
        }
        assert!(check("").unwrap_err().contains("ends without"));
    }

    #[test]
    fn a_line_is_read_as_the_manifest_says() {
        let map: StatementMap = toml::from_str(MAP).unwrap();
        let zone = chrono_tz::Asia::Shanghai;
        let period = Period::try_from("2026-10").unwrap();
        let (charset, bytes_max) = (Some(Charset::Utf8), 1_000_000);
        let reading = FileReading { map: &map, charset, zone, period, bytes_max };
        let text = format!("{HEADER}{SALE},o-2,2026-11-01T00:00:00Z,3.00,POINTS,,CLOSED,\n");
        let source = FileSource::Bytes(Arc::new(text.into_bytes()));
        let mut lines = source.lines(reading).unwrap();
        let mut next = || match lines.next_line().unwrap() {
            NextLine::Line(line) => line,
            NextLine::Passed | NextLine::Problem(_) | NextLine::End => panic!("no line"),
        };
        let (first, second) = (next(), next());
        assert_eq!(first.at.to_string(), "2026-10-31T15:59:59Z");
        assert_eq!((first.value.to_string().as_str(), first.is_void), ("12.00 CNY", false));
        assert_eq!((second.value.to_string().as_str(), second.is_void), ("3.00 PTS", true));
        let moved = StatementLine { number: 9, ..first.clone() };
        assert_eq!(moved.content(), first.content());
        assert_ne!(second.content(), first.content());
    }

    fn kinds(map: &str, period: &str, file: &str) -> Result<Vec<(String, String)>, String> {
        let map: StatementMap = toml::from_str(map).unwrap();
        assert_eq!(map.fault(), None);
        let zone = chrono_tz::Asia::Shanghai;
        let period = Period::try_from(period).unwrap();
        let (charset, bytes_max) = (Some(Charset::Utf8), 1_000_000);
        let reading = FileReading { map: &map, charset, zone, period, bytes_max };
        let source = FileSource::Bytes(Arc::new(file.as_bytes().to_vec()));
        let checked = source.check(reading).map_err(|fault| fault.to_string())?;
        let mut lines = source.lines(reading).unwrap();
        let mut read = Vec::new();
        loop {
            match lines.next_line().unwrap() {
                NextLine::Line(line) => {
                    read.push((line.kind.name().to_owned(), line.value.to_string()))
                }
                NextLine::Passed => {}
                NextLine::Problem(problem) => panic!("{problem:?}"),
                NextLine::End => break,
            }
        }
        assert_eq!(u64::try_from(read.len()).unwrap(), checked.lines);
        Ok(read)
    }

    fn said(lines: &[(&str, &str)]) -> Vec<(String, String)> {
        lines.iter().map(|(kind, value)| ((*kind).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_three_bills_of_wechat_pay_are_read_by_one_map() {
        let map = include_str!("samples/wechat-pay.toml");
        let all = include_str!("samples/wechat-pay-all.csv");
        let (sale, back) = (("payment", "185.50 CNY"), ("refund", "20.00 CNY"));
        let read = kinds(map, "2026-10", all).unwrap();
        assert_eq!(read, said(&[sale, ("payment", "12.00 CNY"), back]));
        let sales = include_str!("samples/wechat-pay-success.csv");
        assert_eq!(kinds(map, "2026-10", sales).unwrap(), said(&[sale, ("payment", "12.00 CNY")]));
        let refunds = include_str!("samples/wechat-pay-refund.csv");
        assert_eq!(kinds(map, "2026-10", refunds).unwrap(), said(&[back]));
        let wrong = all.replace("`197.50,`20.00", "`197.50,`21.00");
        assert!(
            kinds(map, "2026-10", &wrong).unwrap_err().contains("申请退款金额: says another sum")
        );
        let wrong = all.replace("`4,`", "`3,`");
        assert!(kinds(map, "2026-10", &wrong).unwrap_err().contains("the file has 4"));
        let cut = all.lines().take(5).collect::<Vec<_>>().join("\n");
        assert!(kinds(map, "2026-10", &cut).unwrap_err().contains("may be cut off"));
    }

    #[test]
    fn a_bill_of_alipay_says_its_totals_in_a_comment() {
        let map = include_str!("samples/alipay.toml");
        let bill = include_str!("samples/alipay.csv");
        let read = kinds(map, "2026-10", bill).unwrap();
        assert_eq!(read, said(&[("payment", "185.50 CNY"), ("refund", "20.00 CNY")]));
        let wrong = bill.replace("合计：2笔", "合计：3笔");
        assert!(kinds(map, "2026-10", &wrong).unwrap_err().contains("the file has 2"));
        let wrong = bill.replace("共165.50元", "共165.51元");
        assert!(kinds(map, "2026-10", &wrong).unwrap_err().contains("come to 165.50"));
        let cut: String = bill
            .lines()
            .take_while(|line| !line.starts_with("#交易"))
            .map(|line| format!("{line}\n"))
            .collect();
        assert!(kinds(map, "2026-10", &cut).unwrap_err().contains("without its totals"));
    }
}
