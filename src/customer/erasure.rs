//! A person, or staff for them, have personal data erased.

use super::certificate::Erased;
use super::erasure_record::ErasureOutcome;
use super::personal::SealError;
use super::reading::{DataReader, Reading, TO_ERASE};
use super::refusal::CustomerRefusal;
use super::rejected_lines::{self, Identifiers};
use super::requester::Requester;
use super::{Author, PersonalKeys};
use crate::books::Books;
use crate::clock;
use crate::event::Contact;
use crate::ids::{MemberRef, PartnerId, ReferralId};
use crate::store::{self, Db, customers, imports, personal, referrals};
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
