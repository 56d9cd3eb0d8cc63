//! What a partner gets for a month: the opening balance, what moved on the accounts on which the bank
//! owes it, the payout, and what goes into the next month. All lines sum to zero.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::period::Period;
use super::tax::{self, LineTax, StatementTax};
use crate::clock::Moment;
use crate::ids::PartnerId;
use crate::ledger::account::chart;
use crate::ledger::chain::Hash;
use crate::ledger::{AccountCode, TransactionKind};
use crate::money::{Amount, AmountError, Asset};
use crate::partner::bank_account::BankAccount;
use crate::partner::tax::TaxTerms;

/// The accounts on which the bank owes a partner money that is due, or the partner bears points that
/// customers spent before it refunded them.
pub const OWED: [AccountCode; 5] = [
    AccountCode::SUBSIDY_PAYABLE,
    AccountCode::COMMISSION_PAYABLE,
    AccountCode::REDEMPTION_PAYABLE,
    AccountCode::SETTLEMENT_PAYABLE,
    AccountCode::REFUND_CHARGE,
];

/// Where a settlement begins and ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettlementTerms {
    pub partner: PartnerId,
    pub period: Period,
    /// Rises with each proposal for the month.
    pub number: i64,
    /// What was recorded up to it, and happened before the month's end, belongs to it.
    pub cut_at: Moment,
    /// What the settlement before has carried forward.
    pub opening: Amount,
    /// Nothing for the first month that is closed.
    pub before: Option<StatementBefore>,
    /// Nothing while the programme or the partner has no account: then nothing is paid out.
    pub accounts: Option<PayoutAccounts>,
    /// Nothing while the partner has none: then its lines name no tax.
    pub tax: Option<TaxTerms>,
}

/// The statement of the month before: what it has settled stands in no other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StatementBefore {
    pub statement_no: String,
    pub sha256: Hash,
    /// The end of its month.
    pub until: Moment,
    pub cut_at: Moment,
    pub carried_forward: Amount,
}

/// From where and to where a month is paid. Two people close them with the statement.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct PayoutAccounts {
    /// The bank's.
    pub payer: BankAccount,
    /// The partner's.
    pub payee: BankAccount,
}

/// Whether what moved happened in the month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum When {
    InMonth,
    /// Earlier, and in no settlement before.
    Late,
}

/// What a line of movements sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LineKey {
    pub account: AccountCode,
    pub kind: TransactionKind,
    pub when: When,
}

/// Movements of one account and kind, as they are summed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Movements(BTreeMap<(AccountCode, TransactionKind, When), MovementSum>);

/// What moved in a month: the sums that become lines, and the hash of the entries behind them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    pub sums: Movements,
    pub entries: Hash,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct MovementSum {
    entries: u64,
    minor: i128,
}

/// The statement of a month, which the partner gets.
#[derive(Debug, Serialize)]
pub struct SettlementStatement {
    pub statement_no: String,
    pub partner: PartnerId,
    pub period: Period,
    pub cut_at: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<StatementBefore>,
    pub currency: Asset,
    pub lines: Vec<SettlementLine>,
    /// The sum of all lines: zero.
    pub sum: Amount,
    pub payout: Amount,
    /// Where the payout goes. Without accounts everything is carried forward.
    #[serde(flatten)]
    pub accounts: Option<PayoutAccounts>,
    pub carried_forward: Amount,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tax: Option<StatementTax>,
    /// The hash of all entries behind the lines ([`super::settled_entry::EntriesHash`]).
    pub entries_sha256: Hash,
    /// Breaks that nobody has decided on, by code.
    pub open_breaks: BTreeMap<String, u64>,
}

#[derive(Debug, Serialize)]
pub struct SettlementLine {
    /// `opening`, `movement`, `payout` or `carried_forward`.
    pub line: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountCode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<TransactionKind>,
    /// It happened before the month, and stands in no settlement before.
    pub late: bool,
    pub entries: u64,
    pub amount: Amount,
    #[serde(flatten)]
    pub tax: Option<LineTax>,
    pub says: String,
    pub says_zh: String,
}

impl Movements {
    pub fn add(&mut self, account: AccountCode, kind: TransactionKind, when: When, minor: i64) {
        let sum = self.0.entry((account, kind, when)).or_default();
        sum.entries = sum.entries.saturating_add(1);
        sum.minor = sum.minor.saturating_add(i128::from(minor));
    }
}

/// Puts the statement together.
///
/// # Errors
/// [`AmountError::OutOfRange`].
pub fn settle(
    terms: &SettlementTerms,
    moved: &Moved,
    open_breaks: BTreeMap<String, u64>,
) -> Result<SettlementStatement, AmountError> {
    let asset = Asset::CNY;
    let mut lines = vec![plain("opening", terms.opening)];
    let mut balance = terms.opening;
    for ((account, kind, when), sum) in &moved.sums.0 {
        let out_of_range = |_error| AmountError::OutOfRange { asset };
        let amount = Amount::from_minor(i64::try_from(sum.minor).map_err(out_of_range)?, asset);
        balance = balance.checked_add(amount)?;
        let rate = terms.tax.as_ref().and_then(|terms| tax::rate(terms, *account));
        let tax = rate.map(|rate| tax::included(amount, rate)).transpose()?;
        let summed = SummedUp { entries: sum.entries, amount, tax };
        lines.push(movement(*account, *kind, *when, summed));
    }
    let zero = Amount::zero(asset);
    let payout = terms.accounts.as_ref().map_or(zero, |_accounts| balance.at_least(zero));
    let carried_forward = balance.checked_sub(payout)?;
    lines.push(plain("payout", payout.negate()?));
    lines.push(plain("carried_forward", carried_forward.negate()?));
    let amounts = lines.iter().map(|line| line.amount);
    let sum = amounts.into_iter().try_fold(Amount::zero(asset), Amount::checked_add)?;
    let taxed = lines.iter().filter_map(|line| line.tax);
    let tax = terms.tax.as_ref().map(|terms| tax::totals(terms, taxed)).transpose()?;
    Ok(SettlementStatement {
        statement_no: statement_no(&terms.partner, terms.period, terms.number),
        partner: terms.partner.clone(),
        period: terms.period,
        cut_at: terms.cut_at,
        before: terms.before.clone(),
        currency: asset,
        lines,
        sum,
        payout,
        accounts: terms.accounts.clone(),
        carried_forward,
        tax,
        entries_sha256: moved.entries,
        open_breaks,
    })
}

/// The number under which a statement is known: its partner, its month, and which proposal of the month it
/// is.
#[must_use]
pub fn statement_no(partner: &PartnerId, period: Period, number: i64) -> String {
    format!("{partner}-{period}-{number}")
}

/// What entries of one sort come to.
struct SummedUp {
    entries: u64,
    amount: Amount,
    tax: Option<LineTax>,
}

fn movement(
    account: AccountCode,
    kind: TransactionKind,
    when: When,
    summed: SummedUp,
) -> SettlementLine {
    let named = chart().iter().find(|line| line.code == account.name());
    let (name, name_zh) = named.map_or(("", ""), |it| (it.name.as_str(), it.name_zh.as_str()));
    let (late, late_zh) = match when {
        When::InMonth => ("", ""),
        When::Late => (", of earlier months", "（属以前月份）"),
    };
    SettlementLine {
        line: "movement",
        account: Some(account),
        kind: Some(kind),
        late: when == When::Late,
        entries: summed.entries,
        amount: summed.amount,
        tax: summed.tax,
        says: format!("{name}: {kind}{late}"),
        says_zh: format!("{name_zh}：{kind}{late_zh}"),
    }
}

fn plain(line: &'static str, amount: Amount) -> SettlementLine {
    let (says, says_zh) = match line {
        "opening" => ("Carried forward from the month before", "上期结转"),
        "payout" => ("To be paid out", "本期应付"),
        _ => ("Carried forward to the next month", "结转下期"),
    };
    SettlementLine {
        line,
        account: None,
        kind: None,
        late: false,
        entries: 0,
        amount,
        tax: None,
        says: says.to_owned(),
        says_zh: says_zh.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn account(number: &str) -> BankAccount {
        let (holder, bank) = ("A shop".to_owned(), "102100099996".to_owned());
        BankAccount { holder, number: number.to_owned(), bank }
    }

    fn terms(opening: i64) -> SettlementTerms {
        let (payer, payee) = (account("10000001"), account("20000002"));
        SettlementTerms {
            partner: "green-basket".parse().unwrap(),
            period: "2026-10".parse().unwrap(),
            number: 1,
            cut_at: Moment::parse("2026-11-02T10:00:00Z").unwrap(),
            opening: Amount::from_minor(opening, Asset::CNY),
            before: None,
            accounts: Some(PayoutAccounts { payer, payee }),
            tax: None,
        }
    }

    proptest! {
        #[test]
        fn it_sums_to_zero_and_pays_out_only_what_is_owed(
            opening in -1_000_000..0_i64,
            moved in prop::collection::vec((0..5_usize, any::<bool>(), -100_000..100_000_i64), 0..30),
        ) {
            let mut movements = Movements::default();
            for (account, late, minor) in &moved {
                let when = if *late { When::Late } else { When::InMonth };
                movements.add(OWED[*account], TransactionKind::Payment, when, *minor);
            }
            let moves = Moved { sums: movements, entries: Hash::ZERO };
            let statement = settle(&terms(opening), &moves, BTreeMap::new()).unwrap();
            prop_assert!(statement.sum.is_zero());
            prop_assert!(!statement.payout.is_negative());
            prop_assert!(statement.carried_forward.minor() <= 0);
            let balance = opening + moved.iter().map(|(_, _, minor)| minor).sum::<i64>();
            prop_assert_eq!(statement.payout.minor(), balance.max(0));
            prop_assert_eq!(statement.carried_forward.minor(), balance.min(0));
            let without = SettlementTerms { accounts: None, ..terms(opening) };
            let statement = settle(&without, &moves, BTreeMap::new()).unwrap();
            prop_assert!(statement.sum.is_zero() && statement.payout.is_zero());
            prop_assert_eq!(statement.carried_forward.minor(), balance);
        }
    }
}
