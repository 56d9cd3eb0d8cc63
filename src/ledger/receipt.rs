use std::collections::HashMap;

use serde::Serialize;

use super::{AccountCode, Posting, Transaction, TransactionKind};
use crate::clock::Moment;
use crate::ids::{ConsentId, EventId, PartnerId, ReferralId, TransactionId};
use crate::money::{Amount, Asset};

/// Postings beyond which a receipt sums them.
const LINES_MAX: usize = 100;

/// What a partner gets for an event, and gets again for every replay of it: the stored outcome.
/// Given only for what is durable.
#[derive(Clone, Debug, Serialize)]
pub struct Receipt<'a, R> {
    pub receipt: TransactionId,
    /// The partner whose event it is; none where no event is, such as at an expiry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partner: Option<&'a PartnerId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<&'a EventId>,
    #[serde(rename = "type")]
    pub kind: TransactionKind,
    pub effective_at: Moment,
    pub recorded_at: Moment,
    /// What a reader should know that is not an error, such as `discount_undeclared`.
    pub marks: Vec<&'static str>,
    pub postings: Vec<Line<'a>>,
    /// Why each posting is what it is: the program's reasons.
    pub explanation: R,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub referral: Option<ReferralOutcome<'a>>,
}

/// A posting as a partner sees it: without the owner, because a partner never learns whom the
/// bank knows a member as.
#[derive(Clone, Debug, Serialize)]
pub struct Line<'a> {
    pub account: AccountCode,
    pub asset: Asset,
    pub amount: Amount,
    pub rule: &'a str,
}

/// What became of a referral at first sight.
#[derive(Clone, Debug, Serialize)]
pub struct ReferralOutcome<'a> {
    pub id: ReferralId,
    pub state: &'static str,
    /// Why it is not, or not yet, sent to the bank's customer managers.
    pub reasons: &'a [String],
    /// Its consent, by which it can be read and withdrawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent: Option<ConsentId>,
}

impl<'a> From<&'a Posting> for Line<'a> {
    fn from(posting: &'a Posting) -> Self {
        Self {
            account: posting.account.code,
            asset: posting.account.asset,
            amount: posting.amount,
            rule: posting.rule.as_str(),
        }
    }
}

impl<R> Receipt<'_, R> {
    /// The lines of a transaction: its postings, or where they are many, what each rule put on each
    /// account. A hold may touch thousands of lots, and a receipt with a line for each would be read and
    /// sent again and again; the entries name them.
    #[must_use]
    pub fn lines(transaction: &Transaction) -> Vec<Line<'_>> {
        if transaction.postings().len() <= LINES_MAX {
            return transaction.postings().iter().map(Line::from).collect();
        }
        let mut lines: Vec<Line<'_>> = Vec::new();
        let mut places: HashMap<(AccountCode, Asset, &str), usize> = HashMap::new();
        for line in transaction.postings().iter().map(Line::from) {
            let place = (line.account, line.asset, line.rule);
            let known = places.get(&place).and_then(|known| lines.get_mut(*known));
            match known.map(|known| (known.amount.checked_add(line.amount), known)) {
                Some((Ok(sum), known)) => known.amount = sum,
                // A sum that is out of range stands in two lines.
                Some((Err(_), _)) | None => {
                    places.insert(place, lines.len());
                    lines.push(line);
                }
            }
        }
        lines.retain(|line| !line.amount.is_zero());
        lines
    }
}
