//! A customer's points as the customer reads them: their own side only, in the time of the programme.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::own_side::sentences;
use crate::clock::Moment;
use crate::ids::{PartnerId, TransactionId};
use crate::ledger::{Account, AccountCode, TransactionKind};
use crate::money::{Amount, Asset, Rounding};
use crate::partner::Registry;
use crate::program::{Lot, worth};
use crate::store::ledger::own_history::{HistoryOf, own_history};
use crate::store::transactions::{EntryPlace, HistoryLine};
use crate::store::{Db, StoreError, accounts, customers, lots};

/// How a customer's points stand, with one page of their history.
#[derive(Serialize, ToSchema)]
pub struct Points {
    /// The moment at which the figures held.
    pub as_of: Moment,
    /// What may be spent now: without points that expired, and less what is owed.
    pub balance: Amount,
    /// What the balance pays for at a till, CNY, rounded down.
    pub worth: Amount,
    /// What has been earned and may not be spent yet.
    pub pending: Amount,
    /// What is set aside for redemptions under way.
    pub held: Amount,
    /// What is owed after a refund of points that were spent; paid from the next points earned.
    pub owed: Amount,
    /// What becomes available, and when.
    pub maturing: Vec<Maturing>,
    /// What expires unless it is spent, and when, soonest first.
    pub expiring: Vec<Expiring>,
    pub entries: Vec<Entry>,
    /// Where the next page begins; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Points that become available.
#[derive(Serialize, ToSchema)]
pub struct Maturing {
    pub amount: Amount,
    pub at: Moment,
}

/// Points that expire.
#[derive(Serialize, ToSchema)]
pub struct Expiring {
    pub amount: Amount,
    /// The moment from which they cannot be spent any more.
    at: Moment,
    /// The last day on which they can be spent, in the programme's time zone.
    #[schema(value_type = String, format = Date)]
    pub spend_by: NaiveDate,
}

/// One movement of points. A redemption under way and its commitment are one.
#[derive(Serialize, ToSchema)]
pub struct Entry {
    /// Where the history goes on after this entry.
    #[serde(skip)]
    pub place: EntryPlace,
    pub amount: Amount,
    /// The event's type.
    pub kind: String,
    /// Where it was: the partner's id, or null.
    partner: Value,
    /// The partner's name; absent where there was no partner.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub partner_name: Option<String>,
    /// Why, in plain sentences.
    pub explanation: Vec<String>,
    pub explanation_zh: Vec<String>,
    pub effective_at: Moment,
    pub recorded_at: Moment,
}

/// The programme, as far as it is needed to show points.
#[derive(Clone, Copy)]
pub struct PointsView<'a> {
    /// For the names of partners.
    pub registry: &'a Registry,
    pub zone: Tz,
    pub now: Moment,
}

/// The page of the history that is asked for.
#[derive(Clone, Copy)]
pub struct HistoryPage {
    pub after: Option<EntryPlace>,
    /// Lines of one sort only.
    pub only: Option<HistorySort>,
    pub rows_max: i64,
}

/// Sorts of lines. What staff corrected stands among all lines only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HistorySort {
    Earned,
    Spent,
    GivenBack,
    Expired,
}

impl HistorySort {
    pub const ALL: [Self; 4] = [Self::Earned, Self::Spent, Self::GivenBack, Self::Expired];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Earned => "earned",
            Self::Spent => "spent",
            Self::GivenBack => "given_back",
            Self::Expired => "expired",
        }
    }

    const fn kinds(self) -> &'static [TransactionKind] {
        use TransactionKind as Kind;
        match self {
            Self::Earned => &[Kind::Payment, Kind::Matured, Kind::Released, Kind::Rewarded],
            Self::Spent => &[Kind::Hold],
            Self::GivenBack => &[
                Kind::Refund,
                Kind::Cancel,
                Kind::TimedOut,
                Kind::Declined,
                Kind::Return,
                Kind::ClawedBack,
            ],
            Self::Expired => &[Kind::Expired],
        }
    }
}

/// Where a history goes on after an entry, as it is written for whoever asks.
#[must_use]
pub fn write_cursor(place: EntryPlace) -> String {
    format!("{}.{}", place.transaction, place.seq)
}

/// Reads what [`write_cursor`] wrote.
#[must_use]
pub fn read_cursor(cursor: &str) -> Option<EntryPlace> {
    let (transaction, seq) = cursor.split_once('.')?;
    let transaction = TransactionId::from_uuid(uuid::Uuid::parse_str(transaction).ok()?);
    Some(EntryPlace { transaction, seq: seq.parse().ok()? })
}

/// The points of the customer of a subject, from one state of the database. A customer whom no
/// partner knows yet has none.
pub fn read(
    subject: &str,
    db: &mut Db,
    page: HistoryPage,
    view: PointsView<'_>,
) -> Result<Points, StoreError> {
    db.snapshot(|db| {
        let Some(id) = customers::by_subject(db, subject)? else {
            return Points::none(view);
        };
        let account = |code| Account::customer(code, id, Asset::PTS);
        let available = account(AccountCode::POINTS_AVAILABLE);
        let kinds = page.only.map(HistorySort::kinds);
        let of = HistoryOf { after: page.after, kinds, lines_max: page.rows_max };
        let lines = own_history(db, &available, of)?;
        let owed = lots::owed(db, &[id])?.first().map(|(_customer, owed)| *owed);
        let owed = owed.unwrap_or(Amount::zero(Asset::PTS));
        let lots = lots::of_customers(db, &[id])?;
        let balance = spendable(&lots, owed, view.now)?;
        Ok(Points {
            as_of: view.now,
            balance,
            worth: view.worth(balance)?,
            pending: accounts::balance(db, &account(AccountCode::POINTS_PENDING))?,
            held: accounts::balance(db, &account(AccountCode::POINTS_HELD))?,
            owed,
            maturing: maturing(&lots),
            expiring: expiring(&lots, view),
            entries: lines.into_iter().map(|line| Entry::of(line, view)).collect(),
            next: None,
        })
    })
}

impl PointsView<'_> {
    fn worth(self, balance: Amount) -> Result<Amount, StoreError> {
        let price = self.registry.programme().points.redemption_price;
        worth(balance, price, Rounding::Down).map_err(|_range| StoreError::OutOfRange)
    }

    /// The name of a partner; its id once it has left.
    fn name_of(&self, id: &str) -> String {
        let partner = PartnerId::try_from(id).ok().and_then(|id| self.registry.get(&id));
        partner.map_or_else(|| id.to_owned(), |partner| partner.name.clone())
    }
}

impl Points {
    fn none(view: PointsView<'_>) -> Result<Self, StoreError> {
        let zero = Amount::zero(Asset::PTS);
        Ok(Self {
            as_of: view.now,
            balance: zero,
            worth: view.worth(zero)?,
            pending: zero,
            held: zero,
            owed: zero,
            maturing: Vec::new(),
            expiring: Vec::new(),
            entries: Vec::new(),
            next: None,
        })
    }
}

/// What may be spent now. Points that expired are not the customer's any more, even before that is
/// recorded; what is owed cannot be spent, even while it waits for points that are held.
fn spendable(lots: &[Lot], owed: Amount, now: Moment) -> Result<Amount, StoreError> {
    let zero = Amount::zero(Asset::PTS);
    let unexpired = lots.iter().filter(|lot| lot.expires_at.is_none_or(|at| at > now));
    let sum = unexpired.map(|lot| lot.parts.available).try_fold(zero, Amount::checked_add);
    let left =
        sum.and_then(|sum| sum.checked_sub(owed)).map_err(|_range| StoreError::OutOfRange)?;
    Ok(if left.is_negative() { zero } else { left })
}

fn maturing(lots: &[Lot]) -> Vec<Maturing> {
    let sums = by_moment(lots, |lot| Some((lot.matures_at?, lot.parts.pending)));
    sums.into_iter().map(|(at, amount)| Maturing { amount, at }).collect()
}

fn expiring(lots: &[Lot], view: PointsView<'_>) -> Vec<Expiring> {
    let sums = by_moment(lots, |lot| Some((lot.expires_at?, lot.parts.available)));
    let ahead = sums.into_iter().filter(|(at, _amount)| *at > view.now);
    let spend_by = |at: Moment| at.last_day_before(view.zone);
    ahead.map(|(at, amount)| Expiring { amount, at, spend_by: spend_by(at) }).collect()
}

/// The sums by moment of what the lots have coming, soonest first.
fn by_moment(
    lots: &[Lot],
    coming: impl Fn(&Lot) -> Option<(Moment, Amount)>,
) -> BTreeMap<Moment, Amount> {
    let mut sums: BTreeMap<Moment, Amount> = BTreeMap::new();
    for (at, amount) in lots.iter().filter_map(coming).filter(|(_at, amount)| !amount.is_zero()) {
        let sum = sums.entry(at).or_insert(Amount::zero(amount.asset()));
        // A sum beyond all range would be of points that no account can hold.
        *sum = sum.checked_add(amount).unwrap_or(*sum);
    }
    sums
}

impl Entry {
    fn of(line: HistoryLine, view: PointsView<'_>) -> Self {
        // The receipt was written by this program; what is missing is shown as absent, not hidden.
        let receipt: Value = serde_json::from_str(&line.receipt).unwrap_or_default();
        let partner = receipt.get("partner").cloned().unwrap_or_default();
        let partner_name = partner.as_str().map(|id| view.name_of(id));
        let (explanation, explanation_zh) = sentences(&receipt, view.zone)
            .into_iter()
            .map(|sentence| (sentence.english, sentence.chinese))
            .unzip();
        Self {
            place: line.place,
            amount: line.amount,
            kind: line.kind,
            partner,
            partner_name,
            explanation,
            explanation_zh,
            effective_at: line.effective_at,
            recorded_at: line.recorded_at,
        }
    }
}
