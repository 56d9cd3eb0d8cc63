//! The order to the bank to pay what a month came to: an ISO 20022 message `pain.001.001.09`. The same
//! settlement to the same account is the same message, byte for byte, under the same id.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use askama::Template;
use aws_lc_rs::digest::{SHA256, digest};
use chrono::NaiveDate;
use uuid::{Builder, Uuid};

use crate::clock::Moment;
use crate::ids::hex;
use crate::money::Amount;
use crate::partner::bank_account::BankAccount;

/// What is to be paid, for which statement.
#[derive(Clone, Copy, Debug)]
pub struct Payout<'a> {
    pub statement_no: &'a str,
    pub statement_sha256: &'a [u8; 32],
    /// Above zero.
    pub amount: Amount,
    pub closed_at: Moment,
    /// The day on which the month was closed, where the bank is.
    pub execute_on: NaiveDate,
    pub payer: &'a BankAccount,
    pub payee: &'a BankAccount,
}

#[derive(Template)]
#[template(path = "pain_001.xml", config = "src/reconcile/askama.toml")]
struct Pain001<'a> {
    message_id: String,
    end_to_end_id: String,
    uetr: Uuid,
    made_at: String,
    amount: Amount,
    execute_on: NaiveDate,
    statement_no: &'a str,
    statement_sha256: String,
    payer: &'a BankAccount,
    payee: &'a BankAccount,
}

/// ISO 20022, Max35Text.
const ID_CHARACTERS_MAX: usize = 35;

impl Payout<'_> {
    /// The message as XML.
    ///
    /// # Errors
    /// The template's, which has none of its own.
    pub fn pain_001(&self) -> Result<String, askama::Error> {
        let hash = self.hash();
        let message_id = self.message_id();
        let end_to_end_id = self.end_to_end_id();
        let mut random = [0; 16];
        random.iter_mut().zip(hash.iter().rev()).for_each(|(to, from)| *to = *from);
        Pain001 {
            message_id,
            end_to_end_id,
            uetr: Builder::from_random_bytes(random).into_uuid(),
            made_at: self.closed_at.utc().format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            amount: self.amount,
            execute_on: self.execute_on,
            statement_no: self.statement_no,
            statement_sha256: hex(self.statement_sha256),
            payer: self.payer,
            payee: self.payee,
        }
        .render()
    }

    /// The number of the statement, where it fits.
    #[must_use]
    pub fn end_to_end_id(&self) -> String {
        let fits = self.statement_no.len() <= ID_CHARACTERS_MAX;
        if fits { self.statement_no.to_owned() } else { self.message_id() }
    }

    /// `TS` and 32 digits of a hash of the statement and both accounts.
    #[must_use]
    pub fn message_id(&self) -> String {
        let start = self.hash().get(..16).map(hex).unwrap_or_default();
        format!("TS{start}")
    }

    fn hash(&self) -> Vec<u8> {
        let (amount, day) = (self.amount.to_string(), self.execute_on.to_string());
        let (payer, payee) = (self.payer, self.payee);
        let mut content = self.statement_sha256.to_vec();
        let texts = [
            self.statement_no,
            &amount,
            &day,
            &payer.holder,
            &payer.number,
            &payer.bank,
            &payee.holder,
            &payee.number,
            &payee.bank,
        ];
        for text in texts {
            // Length first, so that text cannot move from one part to the next.
            content.extend(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
            content.extend(text.as_bytes());
        }
        digest(&SHA256, &content).as_ref().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Asset;

    fn account(holder: &str, number: &str) -> BankAccount {
        let (holder, number) = (holder.to_owned(), number.to_owned());
        BankAccount { holder, number, bank: "102100099996".to_owned() }
    }

    #[test]
    fn the_same_settlement_is_the_same_message_and_another_account_another() {
        let (payer, payee) = (account("银行", "10000001"), account("A & <B> \"C\"", "20000002"));
        let other = account("A & <B> \"C\"", "20000003");
        let payout = |payee| Payout {
            statement_no: "green-basket-2026-10-1",
            statement_sha256: &[7; 32],
            amount: Amount::from_minor(84_000, Asset::CNY),
            closed_at: Moment::parse("2026-11-02T10:00:00Z").unwrap(),
            execute_on: "2026-11-02".parse().unwrap(),
            payer: &payer,
            payee,
        };
        let message = payout(&payee).pain_001().unwrap();
        assert_eq!(message, payout(&payee).pain_001().unwrap());
        assert_ne!(payout(&payee).message_id(), payout(&other).message_id());
        assert_eq!(payout(&payee).message_id().len(), 34);
        assert!(message.contains("<CtrlSum>840.00</CtrlSum>"), "{message}");
        assert!(!message.contains("<B>") && !message.contains(" & "), "{message}");
    }
}
