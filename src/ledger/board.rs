//! The ledger for people who look at it: what the bank's and the partners' accounts hold, their entries, and
//! the last block of the chain. Customers' accounts are read by the story of what moved them.

use uuid::Uuid;

use super::account::{Account, AccountCode, OwnerKind, chart};
use crate::clock::Moment;
use crate::ids::{EventKey, PartnerId, TransactionId};
use crate::ledger::chain::{Block, Hash};
use crate::money::{Amount, Asset};
use crate::store::seals::event_of_receipt;
use crate::store::transactions::{EntryPlace, HistoryLine};
use crate::store::{Db, StoreError, accounts, seals, transactions};

/// The last block of the chain.
pub struct Head {
    pub block: Block,
    pub hash: Hash,
}

/// An entry on an account.
pub struct AccountEntry {
    /// Where the page after it begins.
    pub place: String,
    pub transaction: TransactionId,
    /// The event that it came from, if it came from one.
    pub event: Option<EventKey>,
    pub kind: String,
    pub amount: Amount,
    pub rule: String,
    pub effective_at: Moment,
    pub recorded_at: Moment,
}

/// What the accounts of the bank and of these partners hold, by the chart's order; those that were never
/// posted to are left out.
///
/// # Errors
/// The store's.
pub fn balances(db: &mut Db, partners: &[PartnerId]) -> Result<Vec<(Account, Amount)>, StoreError> {
    let mut all: Vec<Account> = Vec::new();
    for line in chart() {
        let known = AccountCode::by_name(&line.code).zip(Asset::by_code(&line.asset).ok());
        let Some((code, asset)) = known else { continue };
        match line.owner {
            OwnerKind::Bank => all.push(Account::bank(code, asset)),
            OwnerKind::Partner => {
                all.extend(partners.iter().map(|id| Account::partner(code, id, asset)));
            }
            OwnerKind::Customer => {}
        }
    }
    let ids: Vec<_> = all.iter().map(Account::id).collect();
    let held = accounts::balances(db, &ids)?;
    let with = |account: Account| {
        let minor = held.get(&account.id())?;
        let amount = Amount::from_minor(*minor, account.asset);
        Some((account, amount))
    };
    Ok(all.into_iter().filter_map(with).collect())
}

/// The newest entries on an account, after the last one of the page before.
///
/// # Errors
/// The store's.
pub fn entries(
    db: &mut Db,
    account: &Account,
    after: Option<EntryPlace>,
    rows_max: i64,
) -> Result<Vec<AccountEntry>, StoreError> {
    let found = transactions::history(db, account, after, rows_max)?;
    Ok(found.into_iter().map(AccountEntry::of).collect())
}

/// Reads the place of an entry, as it stands in an address.
#[must_use]
pub fn read_place(text: &str) -> Option<EntryPlace> {
    let (transaction, seq) = text.split_once('~')?;
    let transaction = TransactionId::from_uuid(Uuid::parse_str(transaction).ok()?);
    Some(EntryPlace { transaction, seq: seq.parse().ok()? })
}

/// # Errors
/// The store's.
pub fn head(db: &mut Db) -> Result<Option<Head>, StoreError> {
    let last = seals::last_block(db)?;
    Ok(last.map(|it| Head { block: it.block, hash: it.hash }))
}

impl AccountEntry {
    fn of(line: HistoryLine) -> Self {
        Self {
            place: format!("{}~{}", line.place.transaction, line.place.seq),
            transaction: line.place.transaction,
            event: event_of_receipt(&line.receipt),
            kind: line.kind,
            amount: line.amount,
            rule: line.rule,
            effective_at: line.effective_at,
            recorded_at: line.recorded_at,
        }
    }
}
