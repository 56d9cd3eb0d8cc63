//! A customer gets the member reference by which one partner is to know them.

use super::refusal::CustomerRefusal;
use crate::clock::Moment;
use crate::ids::{MemberRef, PartnerId};
use crate::store::{Db, StoreError, customers};

/// What the bank's identity provider says of a customer who asks for a reference.
#[derive(Clone, Debug)]
pub struct Introduced {
    pub subject: String,
    /// 1 to 12; kept for birthday rules where the provider names it.
    pub birth_month: Option<u32>,
}

/// Links a customer to a partner. The reference is the same each time; each partner has another
/// one. A customer whom nobody knew yet is opened.
///
/// # Errors
/// [`CustomerRefusal::Store`] only.
pub fn link(
    who: &Introduced,
    db: &mut Db,
    partner: &PartnerId,
    now: Moment,
) -> Result<MemberRef, CustomerRefusal> {
    let member = db.write(|tx| {
        let member = customers::link(tx, &who.subject, partner, now)?;
        if let Some(month) = who.birth_month {
            customers::set_birth_month(tx, &who.subject, month)?;
        }
        Ok::<_, StoreError>(member)
    })?;
    Ok(member)
}
