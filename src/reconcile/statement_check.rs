//! Whether a signed statement holds: its lines sum to zero, they are the sums of its entries, and the
//! entries are those of the partner's own receipts. It needs the statement's file, and nothing of ours.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use super::settled_entry::EntriesHash;
use super::settlement::OWED;
use super::statement_lines::KeptStatement;
use super::tax;
use crate::clock::Moment;
use crate::ledger::TransactionKind;
use crate::ledger::kinds::Basis;
use crate::money::{Amount, AmountError, Asset};
use crate::partner::tax::VatRate;

/// The type that keeps statements apart from what else the key signs.
pub const STATEMENT_TYPE: &str = "statement+jws";

/// An entry as the statement's file has it.
#[derive(Clone, Debug, Deserialize)]
pub struct FileEntry {
    pub account: String,
    pub kind: String,
    pub late: bool,
    pub receipt: String,
    pub seq: i64,
    pub amount: String,
    pub effective_at: String,
    pub recorded_at: String,
    #[serde(default)]
    pub event: Option<String>,
}

/// What is read of a receipt.
#[derive(Clone, Debug, Deserialize)]
pub struct FileReceipt {
    pub receipt: String,
    pub partner: Option<String>,
    #[serde(default)]
    pub event: Option<String>,
    pub effective_at: String,
    pub recorded_at: String,
    pub postings: Vec<FilePosting>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct FilePosting {
    pub account: String,
    pub asset: String,
    pub amount: String,
}

/// A statement that is being checked.
pub struct StatementCheck {
    statement: KeptStatement,
    sums: BTreeMap<LineName, LineSum>,
    hash: EntriesHash,
    /// What the entries put on each account, by receipt.
    receipts: HashMap<String, OfReceipt>,
    /// The end of the month, in the programme's time zone.
    until: Moment,
    faults: Vec<String>,
    entries: u64,
    unlisted: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct LineName {
    account: String,
    kind: String,
    late: bool,
}

struct LineSum {
    entries: u64,
    amount: Amount,
}

/// Tax of lines at one rate.
struct TaxSum {
    net: Amount,
    vat: Amount,
}

#[derive(Default)]
struct OfReceipt {
    kind: String,
    event: Option<String>,
    effective_at: String,
    by_account: BTreeMap<String, Amount>,
    is_found: bool,
}

/// What a check came to.
#[derive(Debug, PartialEq, Eq)]
pub struct CheckReport {
    pub entries: u64,
    /// Receipts that the entries name and that were at hand.
    pub receipts: u64,
    /// Receipts that were not at hand, by kind. Those of partners' events are faults as well.
    pub without: BTreeMap<String, u64>,
    pub faults: Vec<String>,
}

/// Faults beyond these are counted only.
const FAULTS_MAX: usize = 50;

impl StatementCheck {
    /// Begins with what was signed.
    #[must_use]
    pub fn new(statement: KeptStatement, until: Moment) -> Self {
        Self {
            statement,
            sums: BTreeMap::new(),
            hash: EntriesHash::default(),
            receipts: HashMap::new(),
            until,
            faults: Vec::new(),
            entries: 0,
            unlisted: 0,
        }
    }

    fn fault(&mut self, says: String) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(says);
        } else {
            self.unlisted = self.unlisted.saturating_add(1);
        }
    }

    /// Adds the next entry of the file.
    ///
    /// # Errors
    /// [`AmountError`]: an amount of the file is none.
    pub fn entry(&mut self, entry: FileEntry) -> Result<(), AmountError> {
        let seq = entry.seq.to_string();
        let late = if entry.late { "late" } else { "" };
        self.hash.add_texts([
            &entry.account,
            &entry.kind,
            late,
            &entry.receipt,
            &seq,
            &entry.amount,
            &entry.effective_at,
            &entry.recorded_at,
        ]);
        let amount = Amount::parse(&entry.amount, Asset::CNY)?;
        let zero = Amount::zero(Asset::CNY);
        let FileEntry { account, kind, late, receipt, event, effective_at, .. } = entry;
        let of_receipt = self.receipts.entry(receipt).or_default();
        of_receipt.kind.clone_from(&kind);
        of_receipt.event = event;
        of_receipt.effective_at = effective_at;
        let booked = of_receipt.by_account.entry(account.clone()).or_insert(zero);
        *booked = booked.checked_add(amount)?;
        let name = LineName { account, kind, late };
        let sum = self.sums.entry(name).or_insert(LineSum { entries: 0, amount: zero });
        sum.entries = sum.entries.saturating_add(1);
        sum.amount = sum.amount.checked_add(amount)?;
        self.entries = self.entries.saturating_add(1);
        Ok(())
    }

    /// Holds one of the partner's own receipts against the entries.
    ///
    /// # Errors
    /// [`AmountError`]: an amount of the receipt is none.
    pub fn receipt(&mut self, receipt: &FileReceipt) -> Result<(), AmountError> {
        let mut booked: BTreeMap<String, Amount> = BTreeMap::new();
        let owed = receipt.postings.iter().filter(|posting| {
            posting.asset == Asset::CNY.code()
                && OWED.iter().any(|code| code.name() == posting.account)
        });
        for posting in owed {
            let amount = Amount::parse(&posting.amount, Asset::CNY)?;
            let sum = booked.entry(posting.account.clone()).or_insert(Amount::zero(Asset::CNY));
            *sum = sum.checked_add(amount)?;
        }
        if let Some(of_receipt) = self.receipts.get_mut(&receipt.receipt) {
            of_receipt.is_found = true;
            let is_other = of_receipt.effective_at != receipt.effective_at
                || (receipt.event.is_some() && of_receipt.event != receipt.event);
            if of_receipt.by_account != booked {
                self.fault(format!("receipt {} says other amounts", receipt.receipt));
            } else if is_other {
                self.fault(format!("receipt {} says another event or time", receipt.receipt));
            }
        } else if !booked.is_empty() && self.must_have(receipt) {
            self.fault(format!("receipt {} is of this month, and no entry is", receipt.receipt));
        }
        Ok(())
    }

    /// Whether a receipt is of this month: it happened before the month's end, was recorded up to the cut, and
    /// is not of the month before.
    fn must_have(&self, receipt: &FileReceipt) -> bool {
        let of_partner =
            receipt.partner.as_ref().is_none_or(|partner| *partner == self.statement.partner);
        let (effective, recorded) =
            (Moment::parse(&receipt.effective_at), Moment::parse(&receipt.recorded_at));
        let (Some(effective), Some(recorded), Some(cut)) =
            (effective, recorded, Moment::parse(&self.statement.cut_at))
        else {
            return true;
        };
        let is_settled = match &self.statement.before {
            None => false,
            Some(before) => {
                let (until, cut) = (Moment::parse(&before.until), Moment::parse(&before.cut_at));
                until.is_some_and(|until| effective < until)
                    && cut.is_some_and(|cut| recorded <= cut)
            }
        };
        of_partner && effective < self.until && recorded <= cut && !is_settled
    }

    /// Whether all of it holds. `receipts` says whether receipts were at hand.
    ///
    /// # Errors
    /// [`AmountError`]: an amount of the statement is none.
    pub fn finish(mut self, receipts: bool) -> Result<CheckReport, AmountError> {
        self.check_lines()?;
        self.check_tax()?;
        let hash = std::mem::take(&mut self.hash).finish().to_string();
        match &self.statement.entries_sha256 {
            Some(said) if *said == hash => {}
            Some(said) => self.fault(format!("the entries have the hash {hash}, not {said}")),
            None => self.fault("the statement does not name the hash of its entries".to_owned()),
        }
        let mut found = 0_u64;
        let mut without: BTreeMap<String, u64> = BTreeMap::new();
        for of_receipt in self.receipts.values() {
            if of_receipt.is_found {
                found = found.saturating_add(1);
            } else {
                let count = without.entry(of_receipt.kind.clone()).or_default();
                *count = count.saturating_add(1);
            }
        }
        if receipts {
            for (kind, count) in &without {
                let of_event =
                    TransactionKind::by_name(kind).is_none_or(|kind| kind.basis() == Basis::Event);
                if of_event {
                    self.faults.push(format!("{count} receipts of {kind} are not at hand"));
                }
            }
        }
        if self.unlisted > 0 {
            self.faults.push(format!("and {} faults more", self.unlisted));
        }
        Ok(CheckReport { entries: self.entries, receipts: found, without, faults: self.faults })
    }

    /// One opening, movements, one payout and one line that is carried forward; the opening is what the
    /// statement before has carried forward.
    fn check_shape(&mut self) -> Result<(), AmountError> {
        let lines = self.statement.lines.clone();
        for name in ["opening", "payout", "carried_forward"] {
            let found = lines.iter().filter(|line| line.line == name).count();
            if found != 1 {
                self.fault(format!("the statement has {found} lines {name:?}, not one"));
            }
        }
        for (number, line) in (1_usize..).zip(&lines) {
            let is_movement = !line.account.is_empty() && !line.kind.is_empty();
            match line.line.as_str() {
                "movement" if is_movement => {}
                "opening" | "payout" | "carried_forward" if !is_movement => {}
                other => {
                    self.fault(format!("line {number} is a line {other:?} that no statement has"))
                }
            }
        }
        if Amount::parse(&self.statement.payout, Asset::CNY)?.is_negative() {
            self.fault("the payout is below zero".to_owned());
        }
        let before = self.statement.before.as_ref();
        let carried = before.map_or("0.00", |before| before.carried_forward.as_str());
        let carried = Amount::parse(carried, Asset::CNY)?;
        let opening = lines.iter().find(|line| line.line == "opening");
        let opening = opening.map(|line| Amount::parse(&line.amount, Asset::CNY)).transpose()?;
        if opening.is_some_and(|opening| opening != carried) {
            self.fault(
                "the opening is not what the statement before has carried forward".to_owned(),
            );
        }
        Ok(())
    }

    /// The tax of each line is the one that its amount includes, and the totals are the sums of the lines.
    fn check_tax(&mut self) -> Result<(), AmountError> {
        let parse = |text: &str| Amount::parse(text, Asset::CNY);
        let zero = Amount::zero(Asset::CNY);
        let mut sums: BTreeMap<VatRate, TaxSum> = BTreeMap::new();
        for (number, line) in (1_usize..).zip(&self.statement.lines.clone()) {
            let Some(stated) = &line.tax else { continue };
            let (net, vat) = (parse(&stated.net)?, parse(&stated.vat)?);
            let included = tax::included(parse(&line.amount)?, stated.vat_rate)?;
            if (net, vat) != (included.net, included.vat) {
                let (rate, included) = (stated.vat_rate, included.vat);
                self.fault(format!(
                    "line {number} includes {included} of tax at {rate}, not {vat}"
                ));
            }
            let sum = sums.entry(stated.vat_rate).or_insert(TaxSum { net: zero, vat: zero });
            sum.net = sum.net.checked_add(net)?;
            sum.vat = sum.vat.checked_add(vat)?;
        }
        let stated = self.statement.tax.clone().map_or_else(Vec::new, |tax| tax.totals);
        for total in stated {
            let (net, vat) = (parse(&total.net)?, parse(&total.vat)?);
            let gross = parse(&total.gross)?;
            let sum = sums.remove(&total.vat_rate);
            let is_sum = sum.is_some_and(|sum| (sum.net, sum.vat) == (net, vat));
            if !is_sum || net.checked_add(vat)? != gross {
                self.fault(format!("the tax at {} is not the sum of its lines", total.vat_rate));
            }
        }
        for rate in sums.into_keys() {
            self.fault(format!("no total has the tax at {rate}"));
        }
        Ok(())
    }

    fn check_lines(&mut self) -> Result<(), AmountError> {
        self.check_shape()?;
        let zero = Amount::zero(Asset::CNY);
        let mut sum = zero;
        for (place, line) in self.statement.lines.clone().iter().enumerate() {
            let number = place.saturating_add(1);
            let amount = Amount::parse(&line.amount, Asset::CNY)?;
            sum = sum.checked_add(amount)?;
            let name = LineName {
                account: line.account.clone(),
                kind: line.kind.clone(),
                late: line.late,
            };
            let entries = self.sums.remove(&name);
            let (count, summed) = entries.map_or((0, zero), |it| (it.entries, it.amount));
            if count != line.entries {
                let said = line.entries;
                self.fault(format!("line {number} says {said} entries, and has {count}"));
            }
            if line.line == "movement" && summed != amount {
                self.fault(format!("line {number} says {amount}, and its entries sum to {summed}"));
            }
            let stated = match line.line.as_str() {
                "payout" => Some(Amount::parse(&self.statement.payout, Asset::CNY)?),
                "carried_forward" => {
                    Some(Amount::parse(&self.statement.carried_forward, Asset::CNY)?)
                }
                _ => None,
            };
            if stated.is_some_and(|stated| stated.negate().ok() != Some(amount)) {
                self.fault(format!("line {number} is not what the statement says below"));
            }
        }
        if !sum.is_zero() || Amount::parse(&self.statement.sum, Asset::CNY)? != sum {
            self.fault(format!("the lines sum to {sum}"));
        }
        for name in std::mem::take(&mut self.sums).into_keys() {
            let LineName { account, kind, .. } = name;
            self.fault(format!("no line sums the entries of {kind} on {account}"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(change: impl FnOnce(&mut Value)) -> Vec<String> {
        let plain = |line: &str, amount: &str| json!({ "line": line, "late": false, "entries": 0, "amount": amount, "says": "", "says_zh": "" });
        let entry = json!({
            "account": "commission_payable", "kind": "referral.reward", "late": false, "receipt": "r", "seq": 1,
            "amount": "106.00", "effective_at": "2026-10-02T10:00:00Z", "recorded_at": "2026-10-02T10:00:00Z",
        });
        let mut movement = plain("movement", "106.00");
        for (name, value) in [("account", "commission_payable"), ("kind", "referral.reward")] {
            movement[name] = json!(value);
        }
        for (name, value) in [("vat_rate", "0.06"), ("net", "100.00"), ("vat", "6.00")] {
            movement[name] = json!(value);
        }
        movement["entries"] = json!(1);
        let total =
            json!({ "vat_rate": "0.06", "gross": "106.00", "net": "100.00", "vat": "6.00" });
        let mut hash = EntriesHash::default();
        let row = ["commission_payable", "referral.reward", "", "r", "1", "106.00"];
        let at = ["2026-10-02T10:00:00Z"; 2];
        let [account, kind, late, receipt, seq, amount] = row;
        hash.add_texts([account, kind, late, receipt, seq, amount, at[0], at[1]]);
        let mut statement = json!({
            "statement_no": "green-basket-2026-10-1", "partner": "green-basket", "period": "2026-10",
            "cut_at": "2026-11-02T10:00:00Z", "currency": "CNY", "sum": "0.00", "payout": "106.00",
            "carried_forward": "0.00", "entries_sha256": hash.finish().to_string(),
            "tax": { "taxpayer": "91310115MA1GBLQ88A", "totals": [total] },
            "lines": [
                plain("opening", "0.00"), movement, plain("payout", "-106.00"),
                plain("carried_forward", "0.00"),
            ],
        });
        change(&mut statement);
        let until = Moment::parse("2026-11-01T00:00:00Z").unwrap();
        let mut check = StatementCheck::new(serde_json::from_value(statement).unwrap(), until);
        check.entry(serde_json::from_value(entry).unwrap()).unwrap();
        check.finish(false).unwrap().faults
    }

    #[test]
    fn the_tax_of_a_line_is_in_its_amount_and_the_totals_are_the_sums() {
        assert_eq!(check(|_statement| {}), Vec::<String>::new());
        for (pointer, wrong, says) in [
            ("/lines/1/vat", "6.36", "line 2 includes 6.00 of tax at 0.06, not 6.36"),
            ("/lines/1/net", "99.99", "line 2 includes 6.00"),
            ("/tax/totals/0/vat", "6.01", "the tax at 0.06 is not the sum"),
            ("/tax/totals/0/gross", "107.00", "the tax at 0.06 is not the sum"),
            ("/tax/totals/0/vat_rate", "0.13", "no total has the tax at 0.06"),
        ] {
            let faults = check(|statement| *statement.pointer_mut(pointer).unwrap() = json!(wrong));
            assert!(faults.iter().any(|it| it.contains(says)), "{pointer}: {faults:?}");
        }
    }
}
