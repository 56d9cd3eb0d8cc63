//! Where a customer may be contacted, and the end of that.

use super::Author;
use crate::clock::Moment;
use crate::ids::CustomerId;
use crate::store::{LedgerTx, StoreError, consents, contacts, customer_stages, personal};

/// The customer may not be contacted any more: the consent is withdrawn and the data erased.
/// `false` when there was no agreement. The customer must be locked.
pub fn erase(tx: &mut LedgerTx<'_>, customer: CustomerId, now: Moment) -> Result<bool, StoreError> {
    let Some(kept) = contacts::remove(tx, customer)? else { return Ok(false) };
    customer_stages::look_again(tx, customer, now)?;
    personal::delete(tx, &[kept.record])?;
    consents::withdraw(tx, kept.consent, &Author::Customer(customer), None, now)?;
    Ok(true)
}
