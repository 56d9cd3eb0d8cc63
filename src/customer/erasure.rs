//! Erasing personal data, and the certificate that is kept of it. A certificate names nobody.

use super::Author;
use super::certificate::{Certificate, Erased};
use super::refusal::CustomerRefusal;
use super::requester::Requester;
use crate::books::Books;
use crate::clock::Moment;
use crate::ids::{ErasureId, MemberRef, PartnerId, ReferralId};
use crate::store::erasures::{self, ErasureRecord, NewErasure};
use crate::store::{self, Db, LedgerTx, StoreError, customers};
use crate::writer::Erasure;

/// Whose data is to be erased.
#[derive(Clone, Debug)]
pub enum ErasureSubject {
    /// The customer who asks.
    Requester,
    Referral(ReferralId),
    Member {
        partner: PartnerId,
        member: MemberRef,
    },
}

/// Who wants data erased, why, and when.
#[derive(Clone, Copy)]
pub struct ErasureOccasion<'a> {
    pub by: &'a Author,
    /// Without personal data.
    pub reason: &'a str,
    pub now: Moment,
}

/// What became of a request to erase.
pub enum ErasureOutcome {
    /// Data was erased by this request.
    Erased(ErasureRecord),
    /// Nothing was left: this is the newest certificate.
    NothingLeft(ErasureRecord),
}

/// Erases a person's data, and waits until that is durable and the bytes are gone. Points and the
/// ledger stay.
///
/// # Errors
/// [`CustomerRefusal::NotFound`] for a person who is not known.
pub async fn erase(
    who: Requester,
    books: &Books,
    subject: ErasureSubject,
    reason: String,
) -> Result<ErasureOutcome, CustomerRefusal> {
    let order = books
        .ask_or(move |db| {
            let by = who.author(db)?;
            let of = erased(&by, db, &subject)?;
            Ok::<_, CustomerRefusal>(Erasure { of, by, reason })
        })
        .await?;
    let outcome = books.writer.erase(order).await?.ok_or(CustomerRefusal::NotFound)?;
    books.ask(store::scrub).await?;
    Ok(outcome)
}

fn erased(
    author: &Author,
    db: &mut Db,
    subject: &ErasureSubject,
) -> Result<Erased, CustomerRefusal> {
    match (subject, author) {
        (ErasureSubject::Requester, Author::Customer(id)) => Ok(Erased::Customer(*id)),
        (ErasureSubject::Requester, Author::Partner(_) | Author::Staff(_) | Author::Program(_)) => {
            Err(CustomerRefusal::NotFound)
        }
        (ErasureSubject::Referral(id), _) => Ok(Erased::Referral(*id)),
        (ErasureSubject::Member { partner, member }, _) => {
            let found = customers::by_member(db, partner, member)?;
            Ok(Erased::Customer(found.ok_or(CustomerRefusal::NotFound)?))
        }
    }
}

/// Records what was erased; where nothing was left, the newest certificate stands.
pub fn certify(
    tx: &mut LedgerTx<'_>,
    erased: Erased,
    certificate: &Certificate,
    occasion: ErasureOccasion<'_>,
) -> Result<ErasureOutcome, StoreError> {
    if certificate.is_empty()
        && let Some(erasure) = erasures::of_subjects(tx.db(), &[erased])?.into_iter().next()
    {
        return Ok(ErasureOutcome::NothingLeft(erasure));
    }
    let id = record(tx, erased, certificate, occasion)?;
    let erasure = erasures::get(tx.db(), id)?.ok_or(StoreError::Corrupt("erasures"))?;
    Ok(ErasureOutcome::Erased(erasure))
}

/// Records what was erased.
pub fn record(
    tx: &mut LedgerTx<'_>,
    erased: Erased,
    certificate: &Certificate,
    occasion: ErasureOccasion<'_>,
) -> Result<ErasureId, StoreError> {
    let id = ErasureId::random();
    let ErasureOccasion { by, reason, now: erased_at } = occasion;
    erasures::insert(tx, &NewErasure { id, by, erased, reason, certificate, erased_at })?;
    Ok(id)
}

/// A number of rows.
#[must_use]
pub fn count(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}
