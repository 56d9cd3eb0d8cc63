//! After a new key has come, what older ones sealed is sealed anew in the background, in bounded
//! rounds, until an older key has nothing left and can be retired.

use crate::clock;
use crate::customer::personal::{PersonalKeys, SealError};
use crate::customer::reading::{Reading, TO_RESEAL};
use crate::event::Contact;
use crate::ids::{ReferralId, RequestKey, SignatureId};
use crate::referral::Person;
use crate::store::personal::Resealed;
use crate::store::{
    Db, Pool, StoreError, idempotency_keys, personal, referral_claims, referrals, signatures,
};
use crate::task::{Chore, Round, Turn};

/// The search for what is sealed with older keys.
pub struct Resealer {
    pool: Pool,
    keys: PersonalKeys,
    pass: Pass,
}

/// How far one pass over everything has come, and what it did.
#[derive(Default)]
pub struct Pass {
    contact: Option<ReferralId>,
    content: Option<SignatureId>,
    answer: Option<RequestKey>,
    /// Records sealed anew.
    pub sealed: u64,
    /// Records that could not be opened.
    pub unreadable: u64,
}

/// Records of each kind in one round: one transaction of the database.
const ROWS_MAX: i64 = 200;

impl Resealer {
    #[must_use]
    pub fn new(pool: Pool, keys: PersonalKeys) -> Self {
        Self { pool, keys, pass: Pass::default() }
    }
}

impl Chore for Resealer {
    type Error = StoreError;

    /// A pass that fails begins at the start again.
    async fn round(&mut self, _turn: Turn) -> Result<Round, StoreError> {
        let (pool, keys) = (self.pool.clone(), self.keys.clone());
        let mut pass = std::mem::take(&mut self.pass);
        let work = move || {
            let more = pool.with(|db| round(db, &keys, &mut pass))?;
            Ok::<_, StoreError>((more, pass))
        };
        let done = tokio::task::spawn_blocking(work).await;
        let (more, pass) = done.unwrap_or(Err(StoreError::Exhausted))?;
        if more {
            self.pass = pass;
            return Ok(Round::More);
        }
        pass.log();
        Ok(Round::Done)
    }
}

impl Pass {
    fn log(&self) {
        if self.sealed > 0 || self.unreadable > 0 {
            let (sealed, unreadable) = (self.sealed, self.unreadable);
            tracing::info!(sealed, unreadable, "sealed anew with the current key");
        }
    }

    /// A record that does not open is left as it is, and passed over: whoever looks at
    /// `keys status` sees that its key still has something.
    fn note<T>(&mut self, done: Result<T, SealError>) -> Option<T> {
        match done {
            Ok(value) => Some(value),
            Err(error) => {
                self.unreadable = self.unreadable.saturating_add(1);
                tracing::error!(%error, "a record cannot be sealed anew");
                None
            }
        }
    }

    const fn add(&mut self, changed: bool) {
        if changed {
            self.sealed = self.sealed.saturating_add(1);
        }
    }
}

/// Seals some records anew; `false` when there are no more after those of the pass.
pub fn round(db: &mut Db, keys: &PersonalKeys, pass: &mut Pass) -> Result<bool, StoreError> {
    let contacts = contacts(db, keys, pass)?;
    let contents = contents(db, keys, pass)?;
    let answers = answers(db, keys, pass)?;
    Ok(contacts || contents || answers)
}

fn reading() -> Reading {
    Reading::by_program("reseal", TO_RESEAL)
}

fn contacts(db: &mut Db, keys: &PersonalKeys, pass: &mut Pass) -> Result<bool, StoreError> {
    db.write(|tx| {
        let (current, index) = (keys.key_id(), keys.index_id());
        let (page, read) = ((pass.contact, ROWS_MAX), (&reading(), clock::now()));
        let older = personal::read_older(tx, (&current, &index), page, read)?;
        for (id, sealed) in &older {
            pass.contact = Some(*id);
            let anew = keys.open(id.bytes(), sealed).and_then(|plain| {
                let contact = Contact::from_json(&plain).ok_or(SealError::Open)?;
                let resealed = Resealed {
                    id: *id,
                    was: sealed.key_id.clone(),
                    sealed: keys.seal(id.bytes(), &plain)?,
                    phone_index: keys.phone_index(&contact.phone),
                };
                let person = Person::of(&contact, |sort, text| keys.blind_indexes(sort, text));
                Ok((resealed, person))
            });
            if let Some((anew, person)) = pass.note(anew) {
                pass.add(personal::reseal(tx, &anew)?);
                // Whose referral the person is holds under the current key of the index too.
                let product = referrals::get(tx.db(), *id)?.and_then(|it| it.product.parse().ok());
                if let Some(product) = product {
                    referral_claims::claim_anew(tx, *id, &person.claims(&product))?;
                }
            }
        }
        Ok(!older.is_empty())
    })
}

fn contents(db: &mut Db, keys: &PersonalKeys, pass: &mut Pass) -> Result<bool, StoreError> {
    db.write(|tx| {
        let current = keys.key_id();
        let (page, read) = ((pass.content, ROWS_MAX), (&reading(), clock::now()));
        let older = signatures::read_older(tx, &current, page, read)?;
        for (id, sealed) in &older {
            pass.content = Some(*id);
            let plain = keys.open(id.bytes(), sealed);
            let anew = plain.and_then(|plain| keys.seal(id.bytes(), &plain));
            if let Some(anew) = pass.note(anew) {
                pass.add(signatures::reseal(tx, *id, &sealed.key_id, &anew)?);
            }
        }
        Ok(!older.is_empty())
    })
}

fn answers(db: &mut Db, keys: &PersonalKeys, pass: &mut Pass) -> Result<bool, StoreError> {
    db.write(|tx| {
        let page = (pass.answer, ROWS_MAX);
        let older = idempotency_keys::sealed_with_older(tx.db(), &keys.key_id(), page)?;
        for (id, sealed) in &older {
            pass.answer = Some(*id);
            let plain = keys.open(id.bytes(), sealed);
            let anew = plain.and_then(|plain| keys.seal(id.bytes(), &plain));
            if let Some(anew) = pass.note(anew) {
                pass.add(idempotency_keys::reseal(tx, *id, sealed, &anew)?);
            }
        }
        Ok(!older.is_empty())
    })
}
