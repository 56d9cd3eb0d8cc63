//! A statement as it is read again from what is kept: its lines, and which entries a line sums.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use std::collections::BTreeMap;

use serde::Deserialize;

use super::settled_entry::SettledEntry;
use super::settlement::{LineKey, When};
use crate::ledger::{AccountCode, TransactionKind};
use crate::partner::tax::VatRate;

/// A line of a statement that is kept.
#[derive(Clone, Debug, Deserialize)]
pub struct KeptLine {
    pub line: String,
    #[serde(default)]
    pub account: String,
    #[serde(default)]
    pub kind: String,
    pub late: bool,
    pub entries: u64,
    pub amount: String,
    #[serde(flatten)]
    pub tax: Option<KeptLineTax>,
    pub says: String,
    pub says_zh: String,
}

/// A statement that is kept.
#[derive(Clone, Debug, Deserialize)]
pub struct KeptStatement {
    pub statement_no: String,
    pub partner: String,
    pub period: String,
    pub cut_at: String,
    pub currency: String,
    pub lines: Vec<KeptLine>,
    pub sum: String,
    pub payout: String,
    pub carried_forward: String,
    #[serde(default)]
    pub before: Option<KeptBefore>,
    #[serde(default)]
    pub payee: Option<KeptAccount>,
    #[serde(default)]
    pub payer: Option<KeptAccount>,
    #[serde(default)]
    pub open_breaks: BTreeMap<String, u64>,
    #[serde(default)]
    pub tax: Option<KeptTax>,
    /// Statements from before it was kept have none.
    #[serde(default)]
    pub entries_sha256: Option<String>,
}

/// The statement of the month before.
#[derive(Clone, Debug, Deserialize)]
pub struct KeptBefore {
    pub statement_no: String,
    pub sha256: String,
    pub until: String,
    pub cut_at: String,
    pub carried_forward: String,
}

/// An account that a month is paid to or from.
#[derive(Clone, Debug, Deserialize)]
pub struct KeptAccount {
    pub holder: String,
    pub number: String,
}

/// The tax in a line.
#[derive(Clone, Debug, Deserialize)]
pub struct KeptLineTax {
    pub vat_rate: VatRate,
    pub net: String,
    pub vat: String,
}

/// What is to be invoiced.
#[derive(Clone, Debug, Deserialize)]
pub struct KeptTax {
    pub taxpayer: String,
    pub totals: Vec<KeptTaxTotal>,
}

/// What is to be invoiced at one rate.
#[derive(Clone, Debug, Deserialize)]
pub struct KeptTaxTotal {
    pub vat_rate: VatRate,
    pub gross: String,
    pub net: String,
    pub vat: String,
}

impl KeptLine {
    /// Which entries the line sums; `None` for a line that has none.
    #[must_use]
    pub fn key(&self) -> Option<LineKey> {
        Some(LineKey {
            account: AccountCode::by_name(&self.account)?,
            kind: TransactionKind::by_name(&self.kind)?,
            when: if self.late { When::Late } else { When::InMonth },
        })
    }
}

/// Under which number each line of movements stands.
pub struct LineNumbers(BTreeMap<LineKey, usize>);

impl LineNumbers {
    #[must_use]
    pub fn of(statement: &KeptStatement) -> Self {
        let numbered = (1_usize..).zip(&statement.lines);
        Self(numbered.filter_map(|(number, line)| Some((line.key()?, number))).collect())
    }

    #[must_use]
    pub fn of_entry(&self, entry: &SettledEntry) -> Option<usize> {
        let SettledEntry { account, kind, when, .. } = entry;
        self.0.get(&LineKey { account: *account, kind: *kind, when: *when }).copied()
    }
}
