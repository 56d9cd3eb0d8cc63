//! What partners are charged for refunds of points that had been spent. The customers' rows are the
//! lock over their charges.

use std::str::FromStr;

use diesel::prelude::*;
use rust_decimal::Decimal;

use crate::ids::CustomerId;
use crate::money::{Amount, Asset};
use crate::program::{ChargeStep, RefundCharge};
use crate::store::schema::refund_charges;
use crate::store::{Db, LedgerTx, StoreError, types};

#[derive(Insertable)]
#[diesel(table_name = refund_charges, treat_none_as_default_value = false)]
struct Row<'a> {
    customer_id: &'a [u8],
    partner_id: &'a str,
    price: String,
    charged: i64,
    repaid: i64,
    value: i64,
    since: chrono::NaiveDateTime,
}

/// A customer's charge.
pub struct ChargeOf {
    pub customer: CustomerId,
    pub charge: RefundCharge,
}

/// Follows the steps of decisions. The customers must be locked.
///
/// # Errors
/// [`StoreError`]; the database refuses that more is repaid than was charged.
pub fn apply<'a>(
    tx: &mut LedgerTx<'_>,
    steps: impl Iterator<Item = &'a ChargeStep>,
) -> Result<(), StoreError> {
    for step in steps {
        let row = Row {
            customer_id: step.customer.bytes(),
            partner_id: step.partner.as_str(),
            price: step.price.normalize().to_string(),
            charged: step.charged.minor(),
            repaid: step.repaid.minor(),
            value: step.value.minor(),
            since: step.since.naive(),
        };
        let key = (row.customer_id, row.partner_id, row.price.as_str());
        let known = diesel::update(refund_charges::table.find(key))
            .set((
                refund_charges::charged.eq(refund_charges::charged + row.charged),
                refund_charges::repaid.eq(refund_charges::repaid + row.repaid),
                refund_charges::value.eq(refund_charges::value + row.value),
            ))
            .execute(tx.0)?;
        if known == 0 {
            both!(tx.0, db => diesel::insert_into(refund_charges::table).values(&row).execute(db))?;
        }
    }
    Ok(())
}

type Stored = (Vec<u8>, String, String, i64, i64, chrono::NaiveDateTime);

/// What partners were charged for refunds of these customers, the oldest first.
pub fn of_customers(db: &mut Db, customers: &[CustomerId]) -> Result<Vec<ChargeOf>, StoreError> {
    let ids: Vec<&[u8]> = customers.iter().map(|id| id.bytes().as_slice()).collect();
    let rows: Vec<Stored> = both!(db, db => refund_charges::table
        .filter(refund_charges::customer_id.eq_any(&ids))
        .order((refund_charges::since, refund_charges::partner_id, refund_charges::price))
        .select((
            refund_charges::customer_id,
            refund_charges::partner_id,
            refund_charges::price,
            refund_charges::charged,
            refund_charges::repaid,
            refund_charges::since,
        ))
        .load(db))?;
    let points = |minor| Amount::from_minor(minor, Asset::PTS);
    let mut found = Vec::with_capacity(rows.len());
    for (customer, partner, price, charged, repaid, since) in rows {
        found.push(ChargeOf {
            customer: CustomerId::from_uuid(types::uuid(&customer, "refund_charges.customer_id")?),
            charge: RefundCharge {
                partner: types::partner(&partner)?,
                price: Decimal::from_str(&price)
                    .map_err(|_invalid| StoreError::Corrupt("refund_charges.price"))?,
                since: types::moment(since),
                charged: points(charged),
                repaid: points(repaid),
            },
        });
    }
    Ok(found)
}
