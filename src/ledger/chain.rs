//! The chain of seals: Merkle trees by RFC 9162, section 2.1, and blocks that name the one before.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::clock::Moment;
use crate::ids::hex;

/// A SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hash(pub [u8; 32]);

/// A block of the chain: a number of transactions under one root, after all blocks before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Block {
    /// Counted from zero.
    pub position: i64,
    /// Transactions in this block.
    pub leaves: i64,
    /// Transactions in the chain as far as this block.
    pub total: i64,
    pub root: Hash,
    /// The hash of the block before; zeros for the first.
    pub previous: Hash,
    pub sealed_at: Moment,
}

const DOMAIN: &[u8] = b"tallystick block v1";

impl Hash {
    pub const ZERO: Self = Self([0; 32]);

    #[must_use]
    pub fn of(context: Context) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(context.finish().as_ref());
        Self(hash)
    }

    /// From hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut hash = [0; 32];
        if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        for (place, byte) in hash.iter_mut().enumerate() {
            let from = place.checked_mul(2)?;
            *byte = u8::from_str_radix(text.get(from..from.checked_add(2)?)?, 16).ok()?;
        }
        Some(Self(hash))
    }

    fn node(left: Self, right: Self) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(&[1]);
        context.update(&left.0);
        context.update(&right.0);
        Self::of(context)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Block {
    /// The block of these leaves after `before`.
    #[must_use]
    pub fn after(before: Option<&Self>, leaves: &[Hash], sealed_at: Moment) -> Self {
        let count = i64::try_from(leaves.len()).unwrap_or(i64::MAX);
        Self {
            position: before.map_or(0, |it| it.position.saturating_add(1)),
            leaves: count,
            total: before.map_or(0, |it| it.total).saturating_add(count),
            root: root(leaves),
            previous: before.map_or(Hash::ZERO, Self::hash),
            sealed_at,
        }
    }

    /// Over all of the block, each part of a fixed length.
    #[must_use]
    pub fn hash(&self) -> Hash {
        let mut context = Context::new(&SHA256);
        context.update(DOMAIN);
        for number in [self.position, self.leaves, self.total] {
            context.update(&number.to_be_bytes());
        }
        context.update(&self.root.0);
        context.update(&self.previous.0);
        context.update(&self.sealed_at.utc().timestamp_micros().to_be_bytes());
        Hash::of(context)
    }

    /// Whether this is the block right after `before`.
    #[must_use]
    pub fn follows(&self, before: Option<&Self>) -> bool {
        let (position, total, previous) = before
            .map_or((-1, 0, Hash::ZERO), |before| (before.position, before.total, before.hash()));
        self.position.checked_sub(1) == Some(position)
            && total.checked_add(self.leaves) == Some(self.total)
            && self.previous == previous
    }
}

/// The Merkle tree hash of leaf hashes.
#[must_use]
pub fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::of(Context::new(&SHA256)),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            Hash::node(root(left), root(right))
        }
    }
}

/// The inclusion path of a leaf, lowest first.
#[must_use]
pub fn path(leaves: &[Hash], index: usize) -> Vec<Hash> {
    if leaves.len() < 2 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut path, other) = match index.checked_sub(left.len()) {
        None => (path(left, index), right),
        Some(index) => (path(right, index), left),
    };
    path.push(root(other));
    path
}

/// The largest power of two below a count of two or more.
const fn split(count: usize) -> usize {
    count.next_power_of_two().div_euclid(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(count: u8) -> Vec<Hash> {
        (0..count).map(|number| Hash([number; 32])).collect()
    }

    /// RFC 9162, section 2.1.3.2, as it is written there.
    fn root_by_path(leaf: Hash, index: usize, size: usize, path: &[Hash]) -> Option<Hash> {
        let (mut number, mut last, mut hash) = (index, size - 1, leaf);
        for step in path {
            if last == 0 {
                return None;
            }
            if number % 2 == 1 || number == last {
                hash = Hash::node(*step, hash);
                while number % 2 == 0 && number != 0 {
                    number >>= 1;
                    last >>= 1;
                }
            } else {
                hash = Hash::node(hash, *step);
            }
            number >>= 1;
            last >>= 1;
        }
        (last == 0).then_some(hash)
    }

    #[test]
    fn every_leaf_leads_to_the_root_by_its_path() {
        for size in 1..=70_u8 {
            let leaves = leaves(size);
            for (index, leaf) in leaves.iter().enumerate() {
                let path = path(&leaves, index);
                let led = root_by_path(*leaf, index, leaves.len(), &path);
                assert_eq!(led, Some(root(&leaves)), "{index} of {size}");
                let led = root_by_path(Hash([200; 32]), index, leaves.len(), &path);
                assert_ne!(led, Some(root(&leaves)), "{index} of {size}");
            }
        }
    }

    #[test]
    fn a_block_follows_only_the_one_that_it_was_made_after() {
        let at = Moment::from_unix_seconds(1_767_225_600).unwrap();
        let first = Block::after(None, &leaves(3), at);
        let second = Block::after(Some(&first), &leaves(2), at);
        assert!(first.follows(None) && second.follows(Some(&first)));
        assert!(!second.follows(None) && !first.follows(Some(&second)));
        assert_eq!((second.position, second.leaves, second.total), (1, 2, 5));
        let mut other = first;
        other.root = root(&leaves(4));
        assert!(!second.follows(Some(&other)));
    }
}
