//! The proof that an event's transaction is in the chain, which can be checked without us.

use serde::Serialize;
use utoipa::ToSchema;

use super::head::Claims;
use crate::ids::EventKey;
use crate::ledger::chain::{self, Hash};
use crate::ledger::leaf::Leaf;
use crate::store::seals::{self, SealOfEvent};
use crate::store::{Db, StoreError};

/// What becomes of asking for a proof.
pub enum Inclusion {
    Unknown,
    /// It is recorded, and will be sealed in a moment.
    NotSealed,
    /// What is recorded is not what was sealed: a matter for `ledger verify`.
    Broken,
    Proof(Box<Proof>),
}

/// docs/proofs.md says how it is checked.
#[derive(Serialize, ToSchema)]
pub struct Proof {
    /// Names and values of the transaction's fields in the order in which they are hashed.
    #[schema(value_type = Vec<Vec<String>>)]
    leaf: Vec<(&'static str, String)>,
    leaf_index: i64,
    /// The Merkle path from the leaf to the block's root, lowest first.
    path: Vec<Hash>,
    block: Claims,
    /// The block's hash as it was signed when it was made.
    head: String,
}

/// The proof for an event.
pub fn of_event(db: &mut Db, key: EventKey) -> Result<Inclusion, StoreError> {
    let seal = match seals::of_event(db, key)? {
        SealOfEvent::NoSuchEvent => return Ok(Inclusion::Unknown),
        SealOfEvent::NotSealedYet => return Ok(Inclusion::NotSealed),
        SealOfEvent::Sealed(seal) => seal,
    };
    let recorded = seals::recorded(db, &[&seal.transaction])?;
    let leaf = recorded.get(&seal.transaction).map(Leaf::of);
    let stored = seals::block(db, seal.block)?;
    let leaves: Vec<Hash> = seals::of_block(db, seal.block, i64::from(super::LEAVES_MAX))?
        .iter()
        .map(|seal| seal.leaf)
        .collect();
    let (Some(leaf), Some(stored)) = (leaf, stored) else { return Ok(Inclusion::Broken) };
    let index = usize::try_from(seal.leaf_index).unwrap_or(usize::MAX);
    let whole = leaves.get(index) == Some(&leaf.hash())
        && chain::root(&leaves) == stored.block.root
        && stored.block.hash() == stored.hash;
    if !whole {
        return Ok(Inclusion::Broken);
    }
    Ok(Inclusion::Proof(Box::new(Proof {
        leaf: leaf.into_fields(),
        leaf_index: seal.leaf_index,
        path: chain::path(&leaves, index),
        block: Claims { block: stored.block, hash: stored.hash },
        head: stored.head,
    })))
}
