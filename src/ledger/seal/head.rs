//! The signed head of a block, to be kept outside of the database. It shows whether the chain still
//! leads to that block.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Moment;
use crate::ledger::chain::{Block, Hash};
use crate::secrets::token_keys::TokenKeys;

/// The type that keeps heads apart from what else the key signs.
pub const TYPE: &str = "head+jws";

/// What a head says.
#[derive(Serialize, ToSchema)]
#[schema(as = SealedBlock)]
pub struct Claims {
    #[serde(flatten)]
    pub block: Block,
    pub hash: Hash,
}

/// A head as it is read, before it is held to anything.
#[derive(Deserialize)]
struct Read {
    position: i64,
    leaves: i64,
    total: i64,
    root: String,
    previous: String,
    sealed_at: String,
    hash: String,
}

/// # Errors
/// jsonwebtoken's, when the key cannot sign.
pub fn sign(block: &Block, key: &TokenKeys) -> Result<String, jsonwebtoken::errors::Error> {
    let claims = Claims { block: *block, hash: block.hash() };
    key.sign(TYPE, &serde_json::to_vec(&claims)?, block.sealed_at)
}

/// The block that a head signed by this key is of; `None` when it is not one.
#[must_use]
pub fn read(head: &str, key: &TokenKeys) -> Option<Block> {
    let read: Read = key.open(TYPE, head)?;
    let block = Block {
        position: read.position,
        leaves: read.leaves,
        total: read.total,
        root: Hash::parse(&read.root)?,
        previous: Hash::parse(&read.previous)?,
        sealed_at: Moment::parse(&read.sealed_at)?,
    };
    (block.hash() == Hash::parse(&read.hash)?).then_some(block)
}
