//! Entries of a transaction as people read them: accounts by their names, owners by theirs.

use super::page::{Frame, partner_name};
use super::story_words::StoryWords;
use crate::http::Gateway;
use crate::ledger::account::chart;
use crate::ledger::{Account, Owner};
use crate::money::{Amount, Asset};

/// A line of a journal.
pub struct JournalLine {
    pub account: String,
    pub owner: String,
    pub rule: String,
    pub amount: String,
}

impl JournalLine {
    pub fn of(
        gateway: &Gateway,
        frame: &Frame,
        account: &Account,
        amount: &Amount,
        rule: &str,
    ) -> Self {
        Self {
            account: account_name(frame, account),
            owner: owner_name(gateway, frame, &account.owner),
            rule: rule.to_owned(),
            amount: of_asset(frame, amount),
        }
    }
}

/// An account by the name that the chart gives it.
pub fn account_name(frame: &Frame, account: &Account) -> String {
    let code = account.code.name();
    let named = chart().iter().find(|line| line.code == code);
    named.map_or(code, |line| frame.say(&line.name, &line.name_zh)).to_owned()
}

/// Whose an account is; a customer by the first digits of our own id.
pub fn owner_name(gateway: &Gateway, frame: &Frame, owner: &Owner) -> String {
    let w = StoryWords::of(frame.language);
    match owner {
        Owner::Bank => w.bank.to_owned(),
        Owner::Partner(id) => partner_name(gateway, id),
        Owner::Customer(id) => {
            // Ids that begin alike differ at their end.
            let id = id.to_string();
            let end = id.len().saturating_sub(6);
            format!("{} …{}", w.customer, id.get(end..).unwrap_or_default())
        }
    }
}

/// What an event is about, without a sign.
pub fn sum_of(frame: &Frame, amount: &Amount) -> String {
    let text = frame.figures.amount(amount);
    match amount.asset() {
        Asset::PTS => format!("{text} {}", frame.w.points_unit),
        Asset::CNY => format!("¥{text}"),
        asset => format!("{} {text}", asset.code()),
    }
}

/// With its sign, and its currency small before it where it is money.
pub fn of_asset(frame: &Frame, amount: &Amount) -> String {
    let signed = frame.figures.signed(amount);
    match amount.asset() {
        Asset::PTS => format!("{signed} {}", frame.w.points_unit),
        asset => format!("{} {signed}", asset.code()),
    }
}
