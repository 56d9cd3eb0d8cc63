//! What was booked on the bank's account for payouts: ISO 20022, `camt.053` and `camt.054`.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::message::{
    BankEntry, BankFile, BankFileKind, BankReason, BankSaid, BankValue, Booking, BookingDirection,
    OrderNames, masked,
};
use super::xml::{BankFileFault, Element};
use crate::ids::BankEntryId;

type Read<T> = Result<T, BankFileFault>;

/// The most entries of a file: all of them are kept in one transaction.
const ENTRIES_MAX: usize = 10_000;

pub fn read_statement(document: Element<'_>) -> Read<BankFile> {
    read(BankFileKind::Statement, document.need("BkToCstmrStmt")?, "Stmt")
}

pub fn read_notification(document: Element<'_>) -> Read<BankFile> {
    read(BankFileKind::Notification, document.need("BkToCstmrDbtCdtNtfctn")?, "Ntfctn")
}

fn read(kind: BankFileKind, message: Element<'_>, part: &str) -> Read<BankFile> {
    let message_id = message.need("GrpHdr")?.need("MsgId")?.text()?;
    let mut whole = Booked::default();
    for statement in message.all(part) {
        whole.add(kind, statement)?;
    }
    if whole.account.is_none() {
        return Err(message.fault(format!("<{}> has no <{part}>", message.name())));
    }
    let Booked { account, entries, .. } = whole;
    Ok(BankFile { kind, message_id, account, entries })
}

/// All statements of a file, which are about one account.
#[derive(Default)]
struct Booked {
    account: Option<String>,
    statements: BTreeSet<String>,
    entries: Vec<BankEntry>,
    /// Where entries stand that have a reference of the bank.
    known: BTreeMap<BankEntryId, usize>,
    /// How often entries without one were seen.
    twins: BTreeMap<BankEntryId, u64>,
}

/// One entry of a statement, of one payment or of several that were booked together.
#[derive(Clone)]
struct Entry<'a> {
    element: Element<'a>,
    direction: BookingDirection,
    value: BankValue,
    booked_on: Option<NaiveDate>,
    reference: Option<String>,
    /// It takes back an entry that was booked before.
    is_reversal: bool,
}

/// One payment of an entry, with the batch that it was booked in.
struct Details<'a> {
    batch: Option<Element<'a>>,
    payment: Element<'a>,
}

impl Booked {
    fn add(&mut self, kind: BankFileKind, statement: Element<'_>) -> Read<()> {
        let id = statement.need("Id")?;
        if !self.statements.insert(id.text()?) {
            return Err(id.fault(format!("the statement {} stands twice in the file", id.text()?)));
        }
        let owned = statement.need("Acct")?;
        let account = account(owned)?.ok_or_else(|| owned.fault("<Acct> has no number"))?;
        match &self.account {
            Some(first) if *first != account => {
                let (first, other) = (masked(first), masked(&account));
                let what = format!("the file is about two accounts: {first} and {other}");
                return Err(owned.fault(what));
            }
            Some(_) => {}
            None => self.account = Some(account),
        }
        let mut totals = Totals::default();
        for entry in statement.all("Ntry") {
            let entry = Entry::read(entry)?;
            totals.add(&entry)?;
            // What is pending comes again when it is booked.
            if entry.is_booked()? {
                self.add_entry(&entry)?;
            }
        }
        totals.check_summary(statement)?;
        if kind == BankFileKind::Statement { totals.check_balances(statement) } else { Ok(()) }
    }

    fn add_entry(&mut self, entry: &Entry<'_>) -> Read<()> {
        let mut payments = Vec::new();
        let mut batches = Vec::new();
        for details in entry.element.all("NtryDtls") {
            let batch = details.one("Btch")?;
            let own: Vec<Element<'_>> = details.all("TxDtls").collect();
            if let Some(batch) = batch.filter(|_batch| !own.is_empty()) {
                check_number(batch, own.len())?;
            }
            batches.extend(batch);
            payments.extend(own.into_iter().map(|payment| Details { batch, payment }));
        }
        match payments.as_slice() {
            [] => {
                // Two batches without their payments name no order for sure.
                let only = batches.first().copied().filter(|_first| batches.len() == 1);
                self.keep(entry.payment(None, only)?, entry, true)
            }
            [only] => {
                let mut payment = entry.payment(Some(only.payment), only.batch)?;
                // Ordered in another currency: the entry says which sum was booked.
                if payment.booking.value.currency != entry.value.currency {
                    payment.booking.value = entry.value.clone();
                }
                entry.check_sum(std::slice::from_ref(&payment))?;
                self.keep(payment, entry, true)
            }
            several => {
                let read = several.iter().map(|one| entry.payment(Some(one.payment), one.batch));
                let read = read.collect::<Read<Vec<_>>>()?;
                entry.check_sum(&read)?;
                read.into_iter().try_for_each(|payment| self.keep(payment, entry, false))
            }
        }
    }

    /// Keeps a payment under its name at the bank. `whole`: the entry is of this payment alone.
    fn keep(&mut self, payment: Payment, entry: &Entry<'_>, whole: bool) -> Read<()> {
        let Payment { order, own_reference, booking } = payment;
        // One payment may have a name of its own beside that of its entry. Files do not always have both.
        let of_entry = entry.reference.clone();
        let reference = match whole {
            true => of_entry.or_else(|| own_reference.clone()),
            false => own_reference.clone().or(of_entry),
        };
        let account = self.account.clone().unwrap_or_default();
        let mut parts = vec![account, booking.direction.name().to_owned()];
        parts.extend([booking.value.currency.clone(), booking.value.minor.to_string()]);
        parts.push(reference.clone().unwrap_or_default());
        if reference.is_none() || (own_reference.is_none() && !whole) {
            parts.extend(order.message_ids.first().cloned());
            parts.extend(order.end_to_end_id.clone());
        }
        if reference.is_none() {
            parts.push(booking.booked_on.map_or_else(String::new, |day| day.to_string()));
        }
        let name = |parts: &[String]| {
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            BankEntryId::of_name(&parts)
        };
        let mut id = name(&parts);
        let offset = entry.element.offset();
        match reference {
            Some(_) => {
                if let Some(first) = self.known.insert(id, offset) {
                    let first = entry.element.line_at(first);
                    let what = format!("this entry stands in line {first} already");
                    return Err(entry.element.fault(what));
                }
            }
            // Without a reference two that look the same are two.
            None => {
                let seen = self.twins.entry(id).or_default();
                *seen = seen.saturating_add(1);
                parts.push(seen.to_string());
                id = name(&parts);
            }
        }
        if self.entries.len() >= ENTRIES_MAX {
            let what = format!("the file has more than {ENTRIES_MAX} payments: take one by day");
            return Err(entry.element.fault(what));
        }
        self.entries.push(BankEntry {
            id,
            offset,
            line: 0,
            order,
            reference,
            said: BankSaid::Booked(booking),
        });
        Ok(())
    }
}

/// A payment of an entry.
struct Payment {
    order: OrderNames,
    own_reference: Option<String>,
    booking: Booking,
}

impl<'a> Entry<'a> {
    fn read(element: Element<'a>) -> Read<Self> {
        let booked_on = element.at(&["BookgDt"])?.map(day).transpose()?.flatten();
        Ok(Self {
            element,
            direction: direction(element)?,
            value: element.need("Amt")?.value()?,
            booked_on,
            reference: element.text_at(&["AcctSvcrRef"])?,
            is_reversal: matches!(element.text_at(&["RvslInd"])?.as_deref(), Some("true" | "1")),
        })
    }

    /// Older versions say the status without a code of its own.
    fn is_booked(&self) -> Read<bool> {
        let status = self.element.need("Sts")?;
        let code = status.one("Cd")?.unwrap_or(status);
        match code.text()?.as_str() {
            "BOOK" => Ok(true),
            "PDNG" | "INFO" | "FUTR" => Ok(false),
            other => Err(code.fault(format!("the status {other} is not known"))),
        }
    }

    fn payment(&self, details: Option<Element<'_>>, batch: Option<Element<'_>>) -> Read<Payment> {
        let refs = details.map(|it| it.one("Refs")).transpose()?.flatten();
        let of = |name: &str| -> Read<Option<String>> {
            let own = refs.map(|it| it.text_at(&[name])).transpose()?.flatten();
            let shared = batch.map(|it| it.text_at(&[name])).transpose()?.flatten();
            // ISO 20022 has this word where there is no id.
            Ok(own.or(shared).filter(|id| id != "NOTPROVIDED"))
        };
        let mut message_ids = Vec::new();
        for name in ["MsgId", "PmtInfId", "InstrId"] {
            message_ids.extend(of(name)?);
        }
        let order = OrderNames { message_ids, end_to_end_id: of("EndToEndId")? };
        if let Some(details) = details.filter(|it| it.all("CdtDbtInd").next().is_some())
            && direction(details)? != self.direction
        {
            return Err(details.fault("the payment goes the other way than its entry"));
        }
        let value = match details.map(|it| amount_of(it)).transpose()?.flatten() {
            Some(value) => value,
            None => self.value.clone(),
        };
        let counter = match self.direction {
            BookingDirection::Debit => "CdtrAcct",
            BookingDirection::Credit => "DbtrAcct",
        };
        let counter = details.map(|it| it.at(&["RltdPties", counter])).transpose()?.flatten();
        let booking = Booking {
            direction: self.direction,
            value,
            counter_account: counter.map(account).transpose()?.flatten(),
            booked_on: self.booked_on,
            is_reversal: self.is_reversal,
            reason: details.map(reason).transpose()?.unwrap_or_default(),
        };
        let own = refs.map(|it| it.text_at(&["AcctSvcrRef"])).transpose()?.flatten();
        Ok(Payment { order, own_reference: own, booking })
    }

    /// The bank's fees are an entry of their own: what the payments come to is the entry.
    fn check_sum(&self, payments: &[Payment]) -> Read<()> {
        let sum =
            payments.iter().try_fold(0_i64, |sum, it| sum.checked_add(it.booking.value.minor));
        let is_same = |it: &Payment| it.booking.value.currency == self.value.currency;
        if sum == Some(self.value.minor) && payments.iter().all(is_same) {
            return Ok(());
        }
        Err(self.element.fault("the payments of the entry do not come to its amount"))
    }
}

/// What the entries of a statement come to, in hundredths.
#[derive(Default)]
struct Totals {
    debits: Total,
    credits: Total,
    booked: i64,
}

#[derive(Clone, Copy, Default)]
struct Total {
    count: u64,
    minor: i64,
}

impl Total {
    fn add(&mut self, entry: &Entry<'_>) -> Read<()> {
        self.count = self.count.saturating_add(1);
        self.minor = sum(entry.element, self.minor, entry.value.minor)?;
        Ok(())
    }
}

impl Totals {
    fn add(&mut self, entry: &Entry<'_>) -> Read<()> {
        let minor = entry.value.minor;
        let signed = match entry.direction {
            BookingDirection::Debit => {
                self.debits.add(entry)?;
                minor.checked_neg().unwrap_or(0)
            }
            BookingDirection::Credit => {
                self.credits.add(entry)?;
                minor
            }
        };
        if entry.is_booked()? {
            self.booked = sum(entry.element, self.booked, signed)?;
        }
        Ok(())
    }

    fn check_summary(&self, statement: Element<'_>) -> Read<()> {
        let Some(summary) = statement.one("TxsSummry")? else { return Ok(()) };
        let both = Total {
            count: self.debits.count.saturating_add(self.credits.count),
            minor: sum(summary, self.debits.minor, self.credits.minor)?,
        };
        for (name, total) in
            [("TtlNtries", both), ("TtlCdtNtries", self.credits), ("TtlDbtNtries", self.debits)]
        {
            let Some(said) = summary.one(name)? else { continue };
            if let Some(count) = said.one("NbOfNtries")?
                && count.count()? != total.count
            {
                let found = total.count;
                return Err(
                    count.fault(format!("<{name}> says another number than {found} entries"))
                );
            }
            if let Some(sum) = said.one("Sum")?
                && sum.minor()? != total.minor
            {
                return Err(sum.fault(format!("<{name}> says another sum than its entries have")));
            }
        }
        Ok(())
    }

    /// The balance before, and what was booked, is the balance after.
    fn check_balances(&self, statement: Element<'_>) -> Read<()> {
        let (mut opening, mut closing) = (None, None);
        for balance in statement.all("Bal") {
            let code = balance.text_at(&["Tp", "CdOrPrtry", "Cd"])?;
            let which = match code.as_deref() {
                Some("OPBD" | "PRCD") => &mut opening,
                Some("CLBD") => &mut closing,
                _ => continue,
            };
            let minor = balance.need("Amt")?.value()?.minor;
            let signed = match direction(balance)? {
                BookingDirection::Credit => minor,
                BookingDirection::Debit => minor.checked_neg().unwrap_or(0),
            };
            if which.replace(signed).is_some_and(|before| before != signed) {
                return Err(balance.fault("the statement has two such balances"));
            }
        }
        let (Some(opening), Some(closing)) = (opening, closing) else { return Ok(()) };
        if sum(statement, opening, self.booked)? == closing {
            return Ok(());
        }
        Err(statement.fault("the balance before and the entries do not come to the balance after"))
    }
}

fn check_number(batch: Element<'_>, found: usize) -> Read<()> {
    let Some(count) = batch.one("NbOfTxs")? else { return Ok(()) };
    let (said, found) = (count.count()?, u64::try_from(found).unwrap_or(u64::MAX));
    if said == found {
        return Ok(());
    }
    Err(count.fault(format!("the batch says {said} payments, and has {found}")))
}

fn sum(at: Element<'_>, one: i64, other: i64) -> Read<i64> {
    one.checked_add(other).ok_or_else(|| at.fault("the sums are out of range"))
}

fn direction(element: Element<'_>) -> Read<BookingDirection> {
    let said = element.need("CdtDbtInd")?;
    match said.text()?.as_str() {
        "DBIT" => Ok(BookingDirection::Debit),
        "CRDT" => Ok(BookingDirection::Credit),
        other => Err(said.fault(format!("expected DBIT or CRDT, found {other}"))),
    }
}

/// The number of an account: Chinese ones have no IBAN.
fn account(element: Element<'_>) -> Read<Option<String>> {
    match element.text_at(&["Id", "Othr", "Id"])? {
        Some(number) => Ok(Some(number)),
        None => element.text_at(&["Id", "IBAN"]),
    }
}

/// What a payment was, in the currency of the account where the bank says so.
fn amount_of(details: Element<'_>) -> Read<Option<BankValue>> {
    let own = details.one("Amt")?;
    let own = if own.is_some() { own } else { details.at(&["AmtDtls", "TxAmt", "Amt"])? };
    own.map(Element::value).transpose()
}

fn reason(details: Element<'_>) -> Read<BankReason> {
    let Some(returned) = details.one("RtrInf")? else { return Ok(BankReason::default()) };
    let code = match returned.text_at(&["Rsn", "Cd"])? {
        Some(code) => Some(code),
        None => returned.text_at(&["Rsn", "Prtry"])?,
    };
    let text = returned.all("AddtlInf").next().map(Element::text).transpose()?;
    Ok(BankReason { code, text })
}

fn day(element: Element<'_>) -> Read<Option<NaiveDate>> {
    let said = match element.text_at(&["Dt"])? {
        Some(day) => Some(day),
        None => element.text_at(&["DtTm"])?,
    };
    let Some(said) = said else { return Ok(None) };
    let day = said.get(..10).and_then(|day| day.parse().ok());
    day.map(Some).ok_or_else(|| element.fault(format!("expected a day, found {said}")))
}
