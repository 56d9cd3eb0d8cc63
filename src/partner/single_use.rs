//! What a partner proves itself with is taken once, on all gateways: client assertions (RFC 7523)
//! and DPoP proofs (RFC 9449, section 11.1). A token is revoked with the assertion that asks for it.

use uuid::Uuid;

use super::assertion::Assertion;
use super::dpop::Proof;
use crate::clock::Moment;
use crate::ids::PartnerId;
use crate::jwt::past_everywhere;
use crate::store::{Db, LedgerTx, StoreError, revoked_tokens, single_use};

/// Maximum number of expired assertions that one request deletes.
const ASSERTIONS_MAX: i64 = 100;
/// Maximum number of expired proofs that one round deletes.
const PROOFS_MAX: i64 = 20_000;

/// What a partner asks for with an assertion.
#[derive(Clone, Debug)]
pub enum Asked {
    /// A token, bound to the key of the proof where there is one.
    Token(Option<Proof>),
    /// That its token is no good any more. `None`: the token is not good already.
    Revocation(Option<RevokedToken>),
}

/// A token that its owner revokes.
#[derive(Clone, Debug)]
pub struct RevokedToken {
    pub jti: Uuid,
    pub expires_at: Moment,
}

/// Whether something was shown for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UseOutcome {
    /// It is used up now, and what was asked for is done.
    First,
    /// The assertion was used before: nothing is done.
    AssertionUsed,
    /// The proof was used before.
    ProofUsed,
}

/// Uses up the assertion with which a partner asks for something, and does it in the same
/// transaction.
///
/// # Errors
/// The store's.
pub fn use_up(
    partner: &PartnerId,
    db: &mut Db,
    assertion: &Assertion,
    asked: &Asked,
    now: Moment,
) -> Result<UseOutcome, StoreError> {
    db.write(|tx| {
        single_use::forget_assertions(tx, past_everywhere(now), ASSERTIONS_MAX)?;
        if !single_use::claim_assertion(tx, partner, &assertion.jti, assertion.forget_at)? {
            return Ok(UseOutcome::AssertionUsed);
        }
        match asked {
            Asked::Token(Some(proof)) => claim(tx, proof),
            Asked::Revocation(Some(token)) => {
                revoked_tokens::insert(tx, partner, token.jti, token.expires_at)?;
                Ok(UseOutcome::First)
            }
            Asked::Token(None) | Asked::Revocation(None) => Ok(UseOutcome::First),
        }
    })
}

/// Uses up the proof on a request.
///
/// # Errors
/// The store's.
pub fn use_up_proof(proof: &Proof, db: &mut Db) -> Result<UseOutcome, StoreError> {
    db.write(|tx| claim(tx, proof))
}

/// Forgets tokens that have expired, and proofs that nobody could show any more.
///
/// # Errors
/// The store's.
pub fn forget_expired(db: &mut Db, now: Moment) -> Result<(), StoreError> {
    let past = past_everywhere(now);
    db.write(|tx| {
        revoked_tokens::forget_expired(tx, past)?;
        single_use::forget_proofs(tx, past, PROOFS_MAX)?;
        Ok(())
    })
}

fn claim(tx: &mut LedgerTx<'_>, proof: &Proof) -> Result<UseOutcome, StoreError> {
    let first = single_use::claim_proof(tx, &proof.thumbprint, &proof.jti, proof.forget_at)?;
    Ok(if first { UseOutcome::First } else { UseOutcome::ProofUsed })
}
