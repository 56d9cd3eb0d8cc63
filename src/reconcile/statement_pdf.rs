//! A statement on paper, in English and 简体中文 side by side. It says what the kept statement says, so the
//! same statement is the same bytes.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use std::collections::BTreeMap;

use chrono_tz::Tz;

use super::sheet::{
    About, Colour, Fonts, HEIGHT, Item, Role, SheetError, Sheets, Style, WIDTH, Weight,
};
use super::statement_lines::{KeptAccount, KeptLine, KeptStatement};
use crate::clock::Moment;
use crate::ledger::chain::Hash;

/// What is printed.
pub struct PrintedStatement<'a> {
    pub statement: &'a KeptStatement,
    pub sha256: Hash,
    /// None while the month is only proposed.
    pub closed_at: Option<Moment>,
    pub cut_at: Moment,
    pub zone: Tz,
}

const INK: Colour = Colour(26, 32, 40);
const GREY: Colour = Colour(92, 101, 112);
const ACCENT: Colour = Colour(12, 84, 132);
const TINT: Colour = Colour(238, 243, 247);
const HAIRLINE: Colour = Colour(208, 214, 221);

const LEFT: i64 = 51_000;
const RIGHT: i64 = WIDTH - LEFT;
/// Nothing of the text stands below it.
const BOTTOM: i64 = HEIGHT - 70_000;
/// Where the second column of facts begins.
const MIDDLE: i64 = WIDTH / 2 + 10_000;

/// A sum never reaches the one beside it.
const SUM_WIDTH: i64 = MIDDLE - LEFT - 22_000;

const NUMBER_X: i64 = LEFT + 6_000;
const ITEM_X: i64 = LEFT + 34_000;
const ITEM_WIDTH: i64 = 250_000;
const COUNT_RIGHT: i64 = RIGHT - 136_000;
const AMOUNT_RIGHT: i64 = RIGHT - 6_000;

const TAX_RATE_RIGHT: i64 = LEFT + 96_000;
const TAX_NET_RIGHT: i64 = COUNT_RIGHT - 130_000;
const TAX_WIDTH: i64 = 122_000;

const fn style(size: i64, weight: Weight, colour: Colour) -> Style {
    Style { size, weight, colour }
}

const BODY: Style = style(9_500, Weight::Regular, INK);
const SMALL: Style = style(8_000, Weight::Regular, GREY);
const STRONG: Style = style(9_500, Weight::Strong, INK);

/// Where a text begins or ends, and what it is for.
#[derive(Clone, Copy)]
struct Spot {
    x: i64,
    role: Role,
}

/// Pages under the pen, from top to bottom.
struct Pen<'a> {
    fonts: &'a Fonts,
    sheets: Sheets,
    y: i64,
    paragraphs: u32,
}

impl Pen<'_> {
    fn new_page(&mut self) {
        self.sheets.pages.push(Vec::new());
        self.y = 62_000;
    }

    fn put(&mut self, item: Item) {
        self.sheets.pages.last_mut().into_iter().for_each(|page| page.push(item.clone()));
    }

    fn down(&mut self, length: i64) {
        self.y = self.y.saturating_add(length);
    }

    /// Text that begins at a place, on the line that is this far below the pen.
    fn text(&mut self, spot: Spot, below: i64, text: &str, style: Style) {
        let (text, y) = (text.to_owned(), self.y.saturating_add(below));
        self.put(Item::Text { x: spot.x, y, text, style, role: spot.role });
    }

    /// Text that ends there.
    fn text_to(&mut self, spot: Spot, below: i64, text: &str, style: Style) {
        let x = spot.x.saturating_sub(self.fonts.width(text, style));
        self.text(Spot { x, ..spot }, below, text, style);
    }

    fn rule(&mut self, below: i64, height: i64, colour: Colour) {
        let y = self.y.saturating_add(below);
        self.put(Item::Block { x: LEFT, y, width: RIGHT - LEFT, height, colour });
    }

    fn paragraph(&mut self) -> Role {
        self.paragraphs = self.paragraphs.saturating_add(1);
        Role::Paragraph(self.paragraphs)
    }

    /// A new page where less than that is left of this one.
    fn ensure(&mut self, length: i64) {
        if self.y.saturating_add(length) > BOTTOM {
            self.new_page();
        }
    }

    /// A label in both languages above a value of one or more lines; returns how deep it is.
    fn fact(&mut self, x: i64, label: &str, value: &str) -> i64 {
        let role = self.paragraph();
        self.text(Spot { x, role }, 0, label, SMALL);
        let width = if x < MIDDLE { MIDDLE - LEFT - 16_000 } else { RIGHT - MIDDLE };
        let role = self.paragraph();
        let mut below = 13_000_i64;
        for line in self.fonts.wrap(value, BODY, width) {
            self.text(Spot { x, role }, below, &line, BODY);
            below = below.saturating_add(12_500);
        }
        below
    }

    /// Two facts beside each other.
    fn facts(&mut self, left: [&str; 2], right: [&str; 2]) {
        let [label, value] = left;
        let one = self.fact(LEFT, label, value);
        let [label, value] = right;
        let other = self.fact(MIDDLE, label, value);
        self.down(one.max(other).saturating_add(10_000));
    }
}

impl PrintedStatement<'_> {
    /// The statement as people print it.
    ///
    /// # Errors
    /// When a font of the program is damaged, or PDF/UA-1 refuses the page.
    pub fn pdf(&self) -> Result<Vec<u8>, SheetError> {
        let fonts = Fonts::read()?;
        let number = &self.statement.statement_no;
        let about = About {
            title: format!("Settlement statement {number} 结算对账单"),
            id: self.sha256.to_string(),
            made_at: self.closed_at.unwrap_or(self.cut_at).utc(),
        };
        self.lay_out(&fonts).pdf(&fonts, about)
    }

    fn lay_out(&self, fonts: &Fonts) -> Sheets {
        let mut pen = Pen { fonts, sheets: Sheets::default(), y: 0, paragraphs: 0 };
        pen.new_page();
        self.head(&mut pen);
        self.sums(&mut pen);
        self.lines(&mut pen);
        self.invoice(&mut pen);
        self.open_breaks(&mut pen);
        self.check(&mut pen);
        self.foot(&mut pen);
        pen.sheets
    }

    fn head(&self, pen: &mut Pen<'_>) {
        let title = style(21_000, Weight::Strong, INK);
        pen.put(Item::Block { x: LEFT, y: 42_000, width: 46_000, height: 4_000, colour: ACCENT });
        pen.down(14_000);
        let role = Role::Title;
        pen.text(Spot { x: LEFT, role }, 0, "Settlement statement  结算对账单", title);
        pen.down(18_000);
        let role = pen.paragraph();
        let number = &self.statement.statement_no;
        pen.text(Spot { x: LEFT, role }, 0, &format!("No. 编号  {number}"), SMALL);
        if self.closed_at.is_none() {
            let draft = style(9_500, Weight::Strong, Colour(160, 40, 30));
            let role = pen.paragraph();
            pen.text_to(Spot { x: RIGHT, role }, 0, "Proposed, not closed  待审，未关账", draft);
        }
        pen.down(12_000);
        pen.rule(0, 700, HAIRLINE);
        pen.down(20_000);
        let time = |at: Moment| format!("{} ({})", at.minute_in(self.zone), self.zone.name());
        let statement = self.statement;
        pen.facts(["Partner 商户", &statement.partner], ["Month 结算月份", &statement.period]);
        let closed = self.closed_at.map_or_else(|| "–".to_owned(), time);
        pen.facts(["Closed 关账时间", &closed], ["Recorded up to 入账截止", &time(self.cut_at)]);
        if statement.payee.is_some() || statement.payer.is_some() {
            let payee = account(statement.payee.as_ref());
            let payer = account(statement.payer.as_ref());
            pen.facts(["Paid to 收款账户", &payee], ["Paid from 付款账户", &payer]);
        }
    }

    /// What the month comes to, largest on the page.
    fn sums(&self, pen: &mut Pen<'_>) {
        let currency = &self.statement.currency;
        pen.put(Item::Block {
            x: LEFT,
            y: pen.y,
            width: RIGHT - LEFT,
            height: 56_000,
            colour: TINT,
        });
        let large = style(20_000, Weight::Strong, ACCENT);
        let medium = style(14_000, Weight::Regular, INK);
        let left = LEFT + 14_000;
        for (x, label, amount, style) in [
            (left, "To be paid out 本期应付", &self.statement.payout, large),
            (MIDDLE, "Carried forward 结转下期", &self.statement.carried_forward, medium),
        ] {
            let role = pen.paragraph();
            pen.text(Spot { x, role }, 19_000, label, SMALL);
            let text = format!("{currency} {}", grouped(amount));
            let mut style = style;
            while pen.fonts.width(&text, style) > SUM_WIDTH {
                style.size = style.size.saturating_sub(500);
            }
            let role = pen.paragraph();
            pen.text(Spot { x, role }, 42_000, &text, style);
        }
        pen.down(56_000 + 30_000);
    }

    fn table_head(pen: &mut Pen<'_>) {
        let head = style(8_000, Weight::Strong, GREY);
        let cell = |column| Role::Cell { table: 1, row: 0, column, is_header: true };
        pen.text(Spot { x: NUMBER_X, role: cell(0) }, 0, "No. 行", head);
        pen.text(Spot { x: ITEM_X, role: cell(1) }, 0, "Item 项目", head);
        pen.text_to(Spot { x: COUNT_RIGHT, role: cell(2) }, 0, "Entries 笔数", head);
        pen.text_to(Spot { x: AMOUNT_RIGHT, role: cell(3) }, 0, "Amount 金额", head);
        pen.rule(6_000, 900, INK);
        pen.down(8_000);
    }

    fn lines(&self, pen: &mut Pen<'_>) {
        let role = Role::Heading;
        pen.text(Spot { x: LEFT, role }, 0, "Lines 明细", style(12_000, Weight::Strong, INK));
        pen.down(20_000);
        Self::table_head(pen);
        for (place, line) in self.statement.lines.iter().enumerate() {
            self.line(pen, place.saturating_add(1), line);
        }
        let row = u32::try_from(self.statement.lines.len()).unwrap_or(u32::MAX).saturating_add(1);
        let cell = |column| Role::Cell { table: 1, row, column, is_header: false };
        pen.ensure(20_000);
        pen.rule(0, 900, INK);
        pen.text(Spot { x: NUMBER_X, role: cell(0) }, 14_000, "=", STRONG);
        pen.text(Spot { x: ITEM_X, role: cell(1) }, 14_000, "Sum of all lines 各行合计", STRONG);
        let entries: u64 = self.statement.lines.iter().map(|line| line.entries).sum();
        pen.text_to(Spot { x: COUNT_RIGHT, role: cell(2) }, 14_000, &entries.to_string(), STRONG);
        let sum = grouped(&self.statement.sum);
        pen.text_to(Spot { x: AMOUNT_RIGHT, role: cell(3) }, 14_000, &sum, STRONG);
        pen.down(44_000);
    }

    fn line(&self, pen: &mut Pen<'_>, number: usize, line: &KeptLine) {
        let english = pen.fonts.wrap(&line.says, BODY, ITEM_WIDTH);
        let chinese = pen.fonts.wrap(&line.says_zh, SMALL, ITEM_WIDTH);
        let rows = i64::try_from(english.len().saturating_add(chinese.len())).unwrap_or(2);
        let height = rows.saturating_mul(11_800).saturating_add(9_000);
        if pen.y.saturating_add(height) > BOTTOM {
            pen.new_page();
            Self::table_head(pen);
        }
        let row = u32::try_from(number).unwrap_or(u32::MAX);
        let cell = |column| Role::Cell { table: 1, row, column, is_header: false };
        let first = 14_000;
        pen.text(Spot { x: NUMBER_X, role: cell(0) }, first, &number.to_string(), SMALL);
        let mut below = first;
        for (lines, style) in [(&english, BODY), (&chinese, SMALL)] {
            for text in lines {
                pen.text(Spot { x: ITEM_X, role: cell(1) }, below, text, style);
                below = below.saturating_add(11_800);
            }
        }
        let count =
            if line.line == "movement" { line.entries.to_string() } else { "–".to_owned() };
        pen.text_to(Spot { x: COUNT_RIGHT, role: cell(2) }, first, &count, BODY);
        let amount = grouped(&line.amount);
        pen.text_to(Spot { x: AMOUNT_RIGHT, role: cell(3) }, first, &amount, BODY);
        pen.down(height);
        pen.rule(0, 400, HAIRLINE);
    }

    /// What the partner writes on its invoice, a row for each rate.
    fn invoice(&self, pen: &mut Pen<'_>) {
        let Some(tax) = &self.statement.tax else { return };
        let rows = i64::try_from(tax.totals.len()).unwrap_or(i64::MAX);
        pen.ensure(70_000_i64.saturating_add(rows.saturating_mul(20_000)));
        let heading = style(12_000, Weight::Strong, INK);
        let role = Role::Heading;
        pen.text(Spot { x: LEFT, role }, 0, "For the invoice 开票信息", heading);
        pen.down(16_000);
        let role = pen.paragraph();
        let taxpayer = format!("Taxpayer 纳税人识别号  {}", tax.taxpayer);
        pen.text(Spot { x: LEFT, role }, 0, &taxpayer, BODY);
        pen.down(18_000);
        let head = style(8_000, Weight::Strong, GREY);
        let cell = |row, column, is_header| Role::Cell { table: 2, row, column, is_header };
        let columns = [TAX_RATE_RIGHT, TAX_NET_RIGHT, COUNT_RIGHT, AMOUNT_RIGHT];
        let names = ["VAT rate 税率", "Net 不含税金额", "VAT 税额", "Gross 价税合计"];
        for (column, (x, name)) in (0..).zip(columns.into_iter().zip(names)) {
            pen.text_to(Spot { x, role: cell(0, column, true) }, 0, name, head);
        }
        pen.rule(6_000, 900, INK);
        pen.down(8_000);
        for (row, total) in (1..).zip(&tax.totals) {
            let texts = [total.vat_rate.to_string()]
                .into_iter()
                .chain([&total.net, &total.vat, &total.gross].map(|amount| grouped(amount)));
            for (column, (x, text)) in (0..).zip(columns.into_iter().zip(texts)) {
                let mut style = BODY;
                while pen.fonts.width(&text, style) > TAX_WIDTH {
                    style.size = style.size.saturating_sub(500);
                }
                pen.text_to(Spot { x, role: cell(row, column, false) }, 14_000, &text, style);
            }
            pen.down(20_000);
            pen.rule(0, 400, HAIRLINE);
        }
        pen.down(30_000);
    }

    fn open_breaks(&self, pen: &mut Pen<'_>) {
        if self.statement.open_breaks.is_empty() {
            return;
        }
        pen.ensure(50_000);
        let role = Role::Heading;
        let heading = style(12_000, Weight::Strong, INK);
        pen.text(Spot { x: LEFT, role }, 0, "Open differences 未决差异", heading);
        pen.down(16_000);
        let open: &BTreeMap<String, u64> = &self.statement.open_breaks;
        let says: Vec<String> =
            open.iter().map(|(code, count)| format!("{code}: {count}")).collect();
        let role = pen.paragraph();
        for line in pen.fonts.wrap(&says.join(", "), BODY, RIGHT - LEFT) {
            pen.text(Spot { x: LEFT, role }, 0, &line, BODY);
            pen.down(12_500);
        }
        pen.down(20_000);
    }

    /// How the reader checks the statement without the bank.
    fn check(&self, pen: &mut Pen<'_>) {
        pen.ensure(92_000);
        let role = Role::Heading;
        let heading = style(12_000, Weight::Strong, INK);
        pen.text(Spot { x: LEFT, role }, 0, "To check it yourself 自行核验", heading);
        pen.down(15_000);
        for says in [
            "The signed statement with its entries can be checked offline against your own receipts: \
             tallystick reconcile verify, or docs/proofs.md.",
            "签名的结算对账单及其明细可对照贵方回执离线核验。",
        ] {
            let role = pen.paragraph();
            for line in pen.fonts.wrap(says, SMALL, RIGHT - LEFT) {
                pen.text(Spot { x: LEFT, role }, 0, &line, SMALL);
                pen.down(11_500);
            }
        }
        pen.down(4_000);
        let entries = self.statement.entries_sha256.as_deref().unwrap_or("–");
        let statement = self.sha256.to_string();
        for (label, value) in
            [("Statement 对账单 SHA-256", statement.as_str()), ("Entries 明细 SHA-256", entries)]
        {
            let role = pen.paragraph();
            pen.text(Spot { x: LEFT, role }, 0, label, SMALL);
            pen.text(
                Spot { x: LEFT + 130_000, role },
                0,
                value,
                style(8_000, Weight::Regular, INK),
            );
            pen.down(12_500);
        }
    }

    fn foot(&self, pen: &mut Pen<'_>) {
        let pages = pen.sheets.pages.len();
        let number = self.statement.statement_no.clone();
        let (fonts, role) = (pen.fonts, Role::Artifact);
        for (place, page) in pen.sheets.pages.iter_mut().enumerate() {
            let (y, style) = (HEIGHT - 40_000, SMALL);
            let text = format!("{} / {pages}", place.saturating_add(1));
            let x = RIGHT.saturating_sub(fonts.width(&text, style));
            page.push(Item::Text { x, y, text, style, role });
            page.push(Item::Text { x: LEFT, y, text: number.clone(), style, role });
        }
    }
}

/// The holder, and no more of the number than tells it from another.
fn account(account: Option<&KeptAccount>) -> String {
    let Some(account) = account else { return "–".to_owned() };
    let characters = account.number.chars().count();
    let shown: String = account.number.chars().skip(characters.saturating_sub(4)).collect();
    format!("{}  ····{shown}", account.holder)
}

/// An amount with its thousands apart, and a sign that is as wide as a digit.
fn grouped(amount: &str) -> String {
    let (sign, digits) = match amount.strip_prefix('-') {
        Some(digits) => ("−", digits),
        None => ("", amount),
    };
    let (whole, rest) = digits.split_once('.').unwrap_or((digits, ""));
    let length = whole.chars().count();
    let mut text = sign.to_owned();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && length.saturating_sub(place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if rest.is_empty() { text } else { format!("{text}.{rest}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(lines: usize) -> KeptStatement {
        let line = serde_json::json!({
            "line": "movement", "account": "subsidy_payable", "kind": "payment.discounted",
            "late": true, "entries": 1_000_000_000_u64, "amount": "-92233720368547758.08",
            "says": "Discount subsidies owed to a partner: payment.discounted, of earlier months, and so on and on",
            "says_zh": "应付优惠补贴：payment.discounted（属以前月份），以及其他各项，以及其他各项，以及其他各项",
        });
        let account = serde_json::json!({
            "holder": "绿篮超市（上海）有限公司王\u{4dae}分公司及其全部附属门店和仓储配送中心以及电子商务平台运营管理部门",
            "number": "6222021001000000001",
        });
        serde_json::from_value(serde_json::json!({
            "statement_no": "green-basket-2026-10-1", "partner": "green-basket-of-the-east-and-the-west-1",
            "period": "2026-10", "cut_at": "2026-11-02T10:00:00Z", "currency": "CNY",
            "lines": vec![line; lines], "sum": "0.00", "payout": "92233720368547758.07",
            "carried_forward": "-92233720368547758.08", "payee": account, "payer": account,
            "tax": { "taxpayer": "91310115MA1GBLQ88A", "totals": [
                { "vat_rate": "0.06", "gross": "-92233720368547758.08", "net": "-92233720368547758.08",
                  "vat": "-92233720368547758.08" },
                { "vat_rate": "0.1234", "gross": "0.00", "net": "0.00", "vat": "0.00" },
            ] },
            "open_breaks": { "AMBIGUOUS": 12, "MISSING_IN_GATEWAY": 100_000, "MISSING_AT_PARTNER": 7 },
        }))
        .unwrap()
    }

    #[test]
    fn nothing_runs_off_a_page_and_no_line_meets_another() {
        let fonts = Fonts::read().unwrap();
        for lines in [0, 1, 9, 10, 11, 12, 13, 70] {
            let statement = statement(lines);
            let at = Moment::parse("2026-11-02T10:00:00Z").unwrap();
            let printed = PrintedStatement {
                statement: &statement,
                sha256: Hash::ZERO,
                closed_at: Some(at),
                cut_at: at,
                zone: chrono_tz::Asia::Shanghai,
            };
            let sheets = printed.lay_out(&fonts);
            let mut spelled = 0;
            for page in &sheets.pages {
                let mut spans: Vec<(i64, i64, i64, &str)> = Vec::new();
                for item in page {
                    let Item::Text { x, y, text, style, role } = item else { continue };
                    let end = x + fonts.width(text, *style);
                    assert!(*x >= LEFT && end <= RIGHT, "{text} goes from {x} to {end}");
                    let lowest = if *role == Role::Artifact { HEIGHT - 39_000 } else { BOTTOM + 1 };
                    assert!(*y > 40_000 && *y < lowest, "{text} stands at {y}");
                    let meets = spans
                        .iter()
                        .find(|(at, from, until, _)| at == y && *x < *until && *from < end);
                    assert_eq!(meets, None, "{text} meets another");
                    spelled += usize::from(text.contains("[U+4DAE]"));
                    spans.push((*y, *x, end, text));
                }
            }
            assert_eq!(spelled, 2, "the name in both accounts has a character that no font has");
            assert_eq!(sheets.pages.len() > 1, lines > 1, "{lines} lines");
            let bytes = printed.pdf().unwrap();
            assert_eq!(bytes, printed.pdf().unwrap());
        }
    }

    #[test]
    fn amounts_are_grouped_by_thousands() {
        for (amount, expected) in [
            ("0.00", "0.00"),
            ("999.99", "999.99"),
            ("1000.00", "1,000.00"),
            ("-1234567.80", "−1,234,567.80"),
        ] {
            assert_eq!(grouped(amount), expected);
        }
    }
}
