//! The rewards of referrals, and whether they were taken back.

use diesel::dsl::exists;
use diesel::prelude::*;

use crate::clock::Moment;
use crate::ids::{CounterKey, CustomerId, LotId, PartnerId, ReferralId, TransactionId};
use crate::ledger::RuleVersion;
use crate::money::{Amount, Asset};
use crate::program::reward::{RewardGiven, RewardReceiver};
use crate::store::freezes::in_force;
use crate::store::schema::{
    freezes, referral_confirmations, referral_moves, referral_rewards, referrals,
};
use crate::store::{Db, LedgerTx, StoreError, types};

#[derive(Insertable)]
#[diesel(table_name = referral_rewards, treat_none_as_default_value = false)]
struct Row<'a> {
    referral_id: &'a [u8],
    number: i64,
    receiver: &'static str,
    rule: &'a str,
    amount: i64,
    customer_id: Option<&'a [u8]>,
    lot_id: Option<&'a [u8]>,
    counter_id: Option<&'a [u8]>,
    transaction_id: &'a [u8],
    matures_at: Option<chrono::NaiveDateTime>,
    state: &'static str,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = referral_rewards)]
struct Stored {
    number: i64,
    rule: String,
    amount: i64,
    customer_id: Option<Vec<u8>>,
    lot_id: Option<Vec<u8>>,
    counter_id: Option<Vec<u8>>,
    matures_at: Option<chrono::NaiveDateTime>,
    state: String,
}

/// A commission as its partner reads it.
#[derive(Clone, Debug)]
pub struct CommissionRecord {
    pub amount: Amount,
    /// `pending`, `given` or `clawed_back`.
    pub state: String,
    pub matures_at: Option<Moment>,
    pub rule: String,
    pub transaction: TransactionId,
}

/// All commissions of a referral, also those that were taken back.
pub fn commissions(db: &mut Db, referral: ReferralId) -> Result<Vec<CommissionRecord>, StoreError> {
    type Columns = (i64, String, Option<chrono::NaiveDateTime>, String, Vec<u8>);
    let rows: Vec<Columns> = referral_rewards::table
        .filter(referral_rewards::referral_id.eq(referral.bytes().as_slice()))
        .filter(referral_rewards::receiver.eq("partner"))
        .order(referral_rewards::number)
        .select((
            referral_rewards::amount,
            referral_rewards::state,
            referral_rewards::matures_at,
            referral_rewards::rule,
            referral_rewards::transaction_id,
        ))
        .load(db)?;
    rows.into_iter()
        .map(|(amount, state, matures_at, rule, transaction)| {
            let transaction = types::uuid(&transaction, "referral_rewards.transaction_id")?;
            Ok(CommissionRecord {
                amount: Amount::from_minor(amount, Asset::CNY),
                state,
                matures_at: matures_at.map(types::moment),
                rule,
                transaction: TransactionId::from_uuid(transaction),
            })
        })
        .collect()
}

/// Stores the rewards of a transaction.
///
/// # Errors
/// [`StoreError`]; the database holds each reward of a referral to once.
pub fn insert(
    tx: &mut LedgerTx<'_>,
    referral: ReferralId,
    transaction: TransactionId,
    list: &[RewardGiven],
) -> Result<(), StoreError> {
    for given in list {
        let (receiver, customer, lot, state) = match &given.to {
            RewardReceiver::Customer { customer, lot } => {
                ("customer", Some(customer.bytes()), Some(lot.bytes()), "given")
            }
            RewardReceiver::Partner { pending: true } => ("partner", None, None, "pending"),
            RewardReceiver::Partner { pending: false } => ("partner", None, None, "given"),
        };
        let row = Row {
            referral_id: referral.bytes(),
            number: i64::try_from(given.number).unwrap_or(i64::MAX),
            receiver,
            rule: given.rule.as_str(),
            amount: given.amount.minor(),
            customer_id: customer.map(|id| id.as_slice()),
            lot_id: lot.map(|id| id.as_slice()),
            counter_id: given.counter.as_ref().map(|key| key.bytes().as_slice()),
            transaction_id: transaction.bytes(),
            matures_at: given.matures_at.map(Moment::naive),
            state,
        };
        both!(tx.0, db => diesel::insert_into(referral_rewards::table).values(&row).execute(db))?;
    }
    Ok(())
}

/// The rewards of a referral that were not taken back.
pub fn standing(db: &mut Db, referral: ReferralId) -> Result<Vec<RewardGiven>, StoreError> {
    let rows: Vec<Stored> = referral_rewards::table
        .filter(referral_rewards::referral_id.eq(referral.bytes().as_slice()))
        .filter(referral_rewards::state.ne("clawed_back"))
        .order(referral_rewards::number)
        .select(Stored::as_select())
        .load(db)?;
    rows.into_iter().map(RewardGiven::try_from).collect()
}

/// The referrals for which a transaction gave something, in the order of their ids.
pub fn rewarded_by(db: &mut Db, transaction: TransactionId) -> Result<Vec<ReferralId>, StoreError> {
    let ids: Vec<Vec<u8>> = referral_rewards::table
        .filter(referral_rewards::transaction_id.eq(transaction.bytes().as_slice()))
        .order(referral_rewards::referral_id)
        .select(referral_rewards::referral_id)
        .distinct()
        .load(db)?;
    let id = |id: &Vec<u8>| types::uuid(id, "referral_rewards.referral_id");
    ids.iter().map(|bytes| id(bytes).map(ReferralId::from_uuid)).collect()
}

/// Marks these of a referral's rewards as taken back; returns how many still stood. The referral must
/// be locked.
pub fn take_back(
    tx: &mut LedgerTx<'_>,
    referral: ReferralId,
    numbers: &[usize],
) -> Result<usize, StoreError> {
    let numbers: Vec<i64> =
        numbers.iter().map(|number| i64::try_from(*number).unwrap_or(i64::MAX)).collect();
    let standing = referral_rewards::table
        .filter(referral_rewards::referral_id.eq(referral.bytes().as_slice()))
        .filter(referral_rewards::state.ne("clawed_back"));
    let standing = standing.filter(referral_rewards::number.eq_any(&numbers));
    Ok(both!(tx.0, db => diesel::update(standing)
        .set(referral_rewards::state.eq("clawed_back"))
        .execute(db))?)
}

/// Marks the rewards of a transaction that is reversed as taken back. Their referrals must be locked.
pub fn reversed(tx: &mut LedgerTx<'_>, transaction: TransactionId) -> Result<(), StoreError> {
    let standing = referral_rewards::table
        .filter(referral_rewards::transaction_id.eq(transaction.bytes().as_slice()))
        .filter(referral_rewards::state.ne("clawed_back"));
    diesel::update(standing).set(referral_rewards::state.eq("clawed_back")).execute(tx.0)?;
    Ok(())
}

/// Whether a reward of a transaction has matured or was taken back since.
pub fn gone_on(db: &mut Db, transaction: TransactionId) -> Result<bool, StoreError> {
    let matured = referral_rewards::state
        .eq("given")
        .and(referral_rewards::receiver.eq("partner"))
        .and(referral_rewards::matures_at.is_not_null());
    let count: i64 = referral_rewards::table
        .filter(referral_rewards::transaction_id.eq(transaction.bytes().as_slice()))
        .filter(referral_rewards::state.eq("clawed_back").or(matured))
        .count()
        .get_result(db)?;
    Ok(count > 0)
}

/// Up to `max` referrals, of all partners or of one, with commissions whose reservation is over and
/// with whose person somebody has talked, or that the person confirmed.
pub fn fallen_due(
    db: &mut Db,
    partner: Option<&PartnerId>,
    now: Moment,
    max: i64,
) -> Result<Vec<ReferralId>, StoreError> {
    let is_frozen = !in_force(db, None)?.is_empty();
    let rows: Vec<Vec<u8>> = both!(db, db => {
        // By the reward's own referral: neither table is read as a whole.
        let met = exists(
            referral_moves::table
                .filter(referral_moves::referral_id.eq(referral_rewards::referral_id))
                .filter(referral_moves::state.eq_any(["contacted", "converted"])),
        );
        let confirmed = exists(
            referral_confirmations::table
                .filter(referral_confirmations::referral_id.eq(referral_rewards::referral_id)),
        );
        let mut query = referral_rewards::table
            .filter(referral_rewards::state.eq("pending"))
            .filter(referral_rewards::matures_at.le(now.naive()))
            .filter(met.or(confirmed))
            .order(referral_rewards::matures_at)
            .limit(max)
            .select(referral_rewards::referral_id)
            .into_boxed();
        if is_frozen {
            // What is reserved for a frozen partner stays so.
            let frozen = freezes::table
                .filter(freezes::lifted_at.is_null())
                .select(freezes::partner_id);
            let theirs = referrals::table
                .filter(referrals::partner_id.eq_any(frozen))
                .select(referrals::id);
            query = query.filter(referral_rewards::referral_id.ne_all(theirs));
        }
        if let Some(partner) = partner {
            let theirs = referrals::table
                .filter(referrals::partner_id.eq(partner.as_str()))
                .select(referrals::id);
            query = query.filter(referral_rewards::referral_id.eq_any(theirs));
        }
        query.load(db)
    })?;
    let mut found: Vec<ReferralId> = Vec::with_capacity(rows.len());
    for id in rows {
        let id = ReferralId::from_uuid(types::uuid(&id, "referral_rewards.referral_id")?);
        if !found.contains(&id) {
            found.push(id);
        }
    }
    Ok(found)
}

/// Marks a commission as one that may be paid; `false` when it is not pending any more. The referral
/// must be locked.
pub fn mature(
    tx: &mut LedgerTx<'_>,
    referral: ReferralId,
    number: usize,
) -> Result<bool, StoreError> {
    let number = i64::try_from(number).unwrap_or(i64::MAX);
    let pending = referral_rewards::table
        .filter(referral_rewards::referral_id.eq(referral.bytes().as_slice()))
        .filter(referral_rewards::number.eq(number))
        .filter(referral_rewards::state.eq("pending"));
    let changed = diesel::update(pending).set(referral_rewards::state.eq("given")).execute(tx.0)?;
    Ok(changed == 1)
}

impl TryFrom<Stored> for RewardGiven {
    type Error = StoreError;

    fn try_from(stored: Stored) -> Result<Self, StoreError> {
        let to = match (stored.customer_id, stored.lot_id) {
            (Some(customer), Some(lot)) => RewardReceiver::Customer {
                customer: CustomerId::from_uuid(types::uuid(
                    &customer,
                    "referral_rewards.customer_id",
                )?),
                lot: LotId::from_uuid(types::uuid(&lot, "referral_rewards.lot_id")?),
            },
            _ => RewardReceiver::Partner { pending: stored.state == "pending" },
        };
        let asset = match to {
            RewardReceiver::Customer { .. } => Asset::PTS,
            RewardReceiver::Partner { .. } => Asset::CNY,
        };
        let counter =
            stored.counter_id.map(|id| types::bytes16(&id, "referral_rewards.counter_id"));
        Ok(Self {
            number: usize::try_from(stored.number)
                .map_err(|_negative| StoreError::Corrupt("referral_rewards.number"))?,
            to,
            amount: Amount::from_minor(stored.amount, asset),
            rule: RuleVersion::built_in(&stored.rule),
            counter: counter.transpose()?.map(CounterKey::from_bytes),
            matures_at: stored.matures_at.map(types::moment),
        })
    }
}
