//! Erasing personal data, and the certificate that is kept of it. A certificate names nobody.

use super::certificate::{Certificate, Erased};
use super::personal::SealError;
use super::reading::{DataReader, Reading, TO_ERASE};
use super::refusal::CustomerRefusal;
use super::rejected_lines::{self, Identifiers};
use super::requester::Requester;
use super::{Author, PersonalKeys};
use crate::books::Books;
use crate::clock::{self, Moment};
use crate::event::Contact;
use crate::ids::{ErasureId, MemberRef, PartnerId, ReferralId};
use crate::store::erasures::{self, ErasureRecord, NewErasure};
use crate::store::{self, Db, LedgerTx, StoreError, customers, imports, personal, referrals};
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
    keys: &PersonalKeys,
    subject: ErasureSubject,
    reason: String,
) -> Result<ErasureOutcome, CustomerRefusal> {
    let keys = keys.clone();
    let order = books
        .ask_or(move |db| {
            let by = who.author(db)?;
            let of = erased(&by, db, &subject)?;
            let identifiers = identify(of, db, &keys, &by)?;
            let rejected_lines = rejected_lines::erase(db, &keys, &identifiers)?;
            Ok::<_, CustomerRefusal>(Erasure { of, by, reason, rejected_lines })
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

/// The texts that name a person in partners' files. Contact data is opened for it, which is recorded
/// as a reading.
fn identify(
    of: Erased,
    db: &mut Db,
    keys: &PersonalKeys,
    author: &Author,
) -> Result<Identifiers, CustomerRefusal> {
    let reader = match author {
        Author::Customer(id) => DataReader::Customer(*id),
        Author::Staff(id) => DataReader::Staff(id.clone()),
        Author::Partner(_) | Author::Program(_) => DataReader::Program("erasure"),
    };
    let reading = Reading { reader, purpose: TO_ERASE.to_owned() };
    let mut identifiers = Identifiers::default();
    db.write(|tx| {
        let referrals = match of {
            Erased::Customer(id) => {
                let profile = customers::profile(tx.db(), id)?;
                for (partner, member, _since) in profile.iter().flat_map(|known| &known.members) {
                    identifiers.add(partner, member);
                }
                referrals::about_customer(tx.db(), id)?
            }
            Erased::Referral(id) => referrals::get(tx.db(), id)?.into_iter().collect(),
            Erased::Period => Vec::new(),
        };
        for referral in referrals {
            // Without rejected lines there is nothing to look for, and nothing is opened.
            if !imports::has_rejects(tx.db(), &referral.partner)? {
                continue;
            }
            let sealed = personal::read(tx, referral.id, &reading, clock::now())?;
            let Some(sealed) = sealed else { continue };
            let plain = keys.open(referral.id.bytes(), &sealed)?;
            let contact = Contact::from_json(&plain).ok_or(SealError::Open)?;
            let texts = [Some(contact.phone), contact.email, contact.document];
            for text in texts.into_iter().flatten() {
                identifiers.add(&referral.partner, &text);
            }
        }
        Ok::<_, CustomerRefusal>(())
    })?;
    Ok(identifiers)
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
