//! Customers decline the notices that they do not want. A kind that law or contract requires cannot
//! be declined.

use serde::Serialize;
use utoipa::ToSchema;

use super::NoticeRefusal;
use crate::clock::Moment;
use crate::partner::notice::NoticeKind;
use crate::store::{Db, StoreError, customers, notices};

/// Whether a customer gets the notices of a kind.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct NoticeWish {
    /// `points_expiring`, `fee_due`, `instalment_due`, or another of the programme.
    pub kind: String,
    pub wanted: bool,
    /// Law or contract asks for it: it is told in any case.
    pub required: bool,
}

/// Every kind of notice, and whether the customer of a subject gets it.
pub fn list(
    subject: &str,
    db: &mut Db,
    kinds: &[NoticeKind],
) -> Result<Vec<NoticeWish>, StoreError> {
    let unwanted = match customers::by_subject(db, subject)? {
        Some(id) => notices::unwanted(db, id)?,
        None => Vec::new(),
    };
    let wish = |kind: &NoticeKind| NoticeWish {
        kind: kind.kind.clone(),
        wanted: kind.required || !unwanted.contains(&kind.kind),
        required: kind.required,
    };
    Ok(kinds.iter().map(wish).collect())
}

/// The customer of a subject declines a kind: notices that wait are not sent.
///
/// # Errors
/// [`NoticeRefusal::Required`] for a kind that cannot be declined; [`NoticeRefusal::NotFound`] for a
/// subject that no customer has.
pub fn decline(
    subject: &str,
    db: &mut Db,
    kind: &NoticeKind,
    now: Moment,
) -> Result<NoticeWish, NoticeRefusal> {
    if kind.required {
        return Err(NoticeRefusal::Required);
    }
    db.write(|tx| {
        let found = customers::by_subject(tx.db(), subject)?;
        let customer = found.ok_or(NoticeRefusal::NotFound)?;
        Ok::<_, NoticeRefusal>(notices::decline(tx, customer, &kind.kind, now)?)
    })?;
    Ok(NoticeWish { kind: kind.kind.clone(), wanted: false, required: false })
}

/// The customer of a subject wants a kind again.
///
/// # Errors
/// [`NoticeRefusal::NotFound`] for a subject that no customer has.
pub fn accept(subject: &str, db: &mut Db, kind: &NoticeKind) -> Result<NoticeWish, NoticeRefusal> {
    db.write(|tx| {
        let found = customers::by_subject(tx.db(), subject)?;
        let customer = found.ok_or(NoticeRefusal::NotFound)?;
        Ok::<_, NoticeRefusal>(notices::accept(tx, customer, &kind.kind)?)
    })?;
    Ok(NoticeWish { kind: kind.kind.clone(), wanted: true, required: kind.required })
}
