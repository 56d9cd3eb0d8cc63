//! hledger's journal (<https://hledger.org/hledger.html#journal>). The date is the day on which it
//! happened, the secondary date the day on which it was recorded. Signs are ours: positive is what
//! the owner of the account holds or is owed.

use std::io::{BufWriter, Write};

use chrono_tz::Tz;

use super::form::{ExportError, Form, Out, account_name};
use crate::ledger::Account;
use crate::money::{Amount, Asset};
use crate::store::reports::JournalTransaction;

pub struct Journal {
    out: BufWriter<Out>,
    time_zone: Tz,
}

impl Journal {
    pub fn begin(out: Out, time_zone: Tz) -> Result<Self, ExportError> {
        let mut out = BufWriter::new(out);
        writeln!(out, "; Tallystick's ledger. Days are those of {time_zone}.")?;
        writeln!(out, "decimal-mark .")?;
        for asset in Asset::ALL {
            // An amount that shows how amounts of the asset are written: never grouped, always
            // with all decimals.
            let example = Amount::from_minor(100_000, asset);
            writeln!(out, "commodity {example} {asset}")?;
        }
        Ok(Self { out, time_zone })
    }
}

impl Form for Journal {
    fn accounts(&mut self, page: &[Account]) -> Result<(), ExportError> {
        for account in page {
            writeln!(self.out, "account {}", account_name(account))?;
        }
        Ok(())
    }

    fn transaction(&mut self, transaction: &JournalTransaction) -> Result<(), ExportError> {
        let JournalTransaction { id, kind, effective_at, recorded_at, entries } = transaction;
        let (day, recorded) =
            (effective_at.day_in(self.time_zone), recorded_at.day_in(self.time_zone));
        writeln!(self.out, "\n{day}={recorded} * {kind}")?;
        writeln!(self.out, "    ; id:{id}, effective:{effective_at}, recorded:{recorded_at}")?;
        for entry in entries {
            let (account, asset) = (account_name(&entry.account), entry.account.asset);
            writeln!(self.out, "    {account}  {} {asset}  ; rule:{}", entry.amount, entry.rule)?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), ExportError> {
        Ok(self.out.flush()?)
    }
}
