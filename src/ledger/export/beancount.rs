//! Beancount's journal (<https://beancount.github.io/docs/beancount_language_syntax.html>). Its
//! first words are renamed to the three kinds of owner, whose accounts sum to zero as its own do.
//! Signs are ours: positive is what the owner of the account holds or is owed.

use std::io::{BufWriter, Write};

use chrono_tz::Tz;

use super::form::{ExportError, Form, Out, account_name};
use crate::ledger::Account;
use crate::store::reports::JournalTransaction;

pub struct Journal {
    out: BufWriter<Out>,
    time_zone: Tz,
}

/// Before anything that the ledger can hold.
const OPENED: &str = "1900-01-01";

impl Journal {
    pub fn begin(out: Out, time_zone: Tz) -> Result<Self, ExportError> {
        let mut out = BufWriter::new(out);
        writeln!(out, "; Tallystick's ledger. Days are those of {time_zone}.")?;
        writeln!(out, "option \"title\" \"Tallystick\"")?;
        for (theirs, ours) in
            [("assets", "Customer"), ("liabilities", "Partner"), ("equity", "Bank")]
        {
            writeln!(out, "option \"name_{theirs}\" \"{ours}\"")?;
        }
        Ok(Self { out, time_zone })
    }
}

impl Form for Journal {
    fn accounts(&mut self, page: &[Account]) -> Result<(), ExportError> {
        for account in page {
            writeln!(self.out, "{OPENED} open {} {}", valid_name(account), account.asset)?;
        }
        Ok(())
    }

    fn transaction(&mut self, transaction: &JournalTransaction) -> Result<(), ExportError> {
        let JournalTransaction { id, kind, effective_at, recorded_at, entries } = transaction;
        writeln!(self.out, "\n{} * \"{kind}\"", effective_at.day_in(self.time_zone))?;
        writeln!(self.out, "  id: \"{id}\"")?;
        writeln!(self.out, "  recorded: {}", recorded_at.day_in(self.time_zone))?;
        writeln!(self.out, "  effective-at: \"{effective_at}\"")?;
        writeln!(self.out, "  recorded-at: \"{recorded_at}\"")?;
        for entry in entries {
            let (account, asset) = (valid_name(&entry.account), entry.account.asset);
            writeln!(self.out, "  {account}  {} {asset}", entry.amount)?;
            writeln!(self.out, "    rule: \"{}\"", entry.rule)?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), ExportError> {
        Ok(self.out.flush()?)
    }
}

/// The account's name in letters that Beancount takes: every part begins with a capital or a
/// digit, and has hyphens where ours has underscores (`Customer:019a…:Points-available`).
fn valid_name(account: &Account) -> String {
    let ours = account_name(account);
    let parts: Vec<String> = ours.split(':').map(capitalised).collect();
    parts.join(":").replace('_', "-")
}

fn capitalised(part: &str) -> String {
    let mut letters = part.chars();
    letters.next().map_or_else(String::new, |first| {
        let first = first.to_ascii_uppercase();
        std::iter::once(first).chain(letters).collect()
    })
}
