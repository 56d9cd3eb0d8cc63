//! Recomputes the chain and names what is not as it was sealed. Reads only, a block at a time.

use serde::Deserialize;

use super::{LEAVES_MAX, head, made_at};
use crate::ids::{MemberKey, MemberRef, PartnerId, hex};
use crate::ledger::TransactionKind;
use crate::ledger::chain::{self, Block, Hash};
use crate::ledger::kinds::Basis;
use crate::ledger::leaf::{Leaf, Recorded, RecordedEvent};
use crate::secrets::token_keys::TokenKeys;
use crate::store::proof::Finding;
use crate::store::seals::{self, Seal, StoredBlock};
use crate::store::{Db, StoreError, customers};

/// What is known outside of the database, and so out of the reach of who changes it.
#[derive(Clone, Copy, Default)]
pub struct Outside<'a> {
    /// The key that signs heads.
    pub key: Option<&'a TokenKeys>,
    /// Heads that were printed before.
    pub heads: &'a [String],
}

/// How much is sealed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sealed {
    pub blocks: i64,
    pub transactions: i64,
    /// What the sealer has not come to yet.
    pub unsealed: i64,
}

/// No commit is so late: a transaction that is older than one sealed before it by more than this
/// was added afterwards.
const LATE_MS: i64 = 60 * 60 * 1_000;

/// Findings of each sort.
const FINDINGS_MAX: usize = 100;

/// A walk along the chain.
struct Walk<'a> {
    outside: Outside<'a>,
    sealed: Sealed,
    /// Events met on the way, each by its transaction.
    events: i64,
    /// When the newest transaction so far was made.
    newest: i64,
    findings: Vec<Finding>,
}

/// Everything that is not as it was sealed, and how much is. `events` is how many there are.
pub fn check(
    db: &mut Db,
    outside: Outside<'_>,
    events: i64,
) -> Result<(Sealed, Vec<Finding>), StoreError> {
    let mut walk = Walk {
        outside,
        sealed: Sealed::default(),
        events: 0,
        newest: i64::MIN,
        findings: Vec::new(),
    };
    walk.blocks(db)?;
    walk.unsealed(db)?;
    walk.heads(db)?;
    if walk.events != events || !walk.findings.is_empty() {
        walk.strays(db)?;
    }
    Ok((walk.sealed, walk.findings))
}

impl Walk<'_> {
    fn blocks(&mut self, db: &mut Db) -> Result<(), StoreError> {
        let mut before: Option<Block> = None;
        loop {
            let from = before.map_or(i64::MIN, |block| block.position.saturating_add(1));
            let blocks = seals::blocks_from(db, from, 100)?;
            if blocks.is_empty() {
                return Ok(());
            }
            for stored in blocks {
                self.block(&stored, before.as_ref());
                self.leaves(db, &stored.block)?;
                before = Some(stored.block);
            }
        }
    }

    fn block(&mut self, stored: &StoredBlock, before: Option<&Block>) {
        let block = &stored.block;
        let place = || format!("blocks {}", block.position);
        if !block.follows(before) || block.hash() != stored.hash {
            self.find("chain", place(), "does not follow from the block before it");
        }
        let signed = |key| head::read(&stored.head, key) == Some(*block);
        if self.outside.key.is_some_and(|key| !signed(key)) {
            self.find("chain", place(), "its head is not this block's, signed by the key at hand");
        }
        self.sealed.blocks = self.sealed.blocks.saturating_add(1);
    }

    fn leaves(&mut self, db: &mut Db, block: &Block) -> Result<(), StoreError> {
        // One more than there can be, so that one that was added is seen.
        let seals = seals::of_block(db, block.position, i64::from(LEAVES_MAX).saturating_add(1))?;
        let kept: Vec<Hash> = seals.iter().map(|seal| seal.leaf).collect();
        let numbered = (0..).zip(&seals).all(|(index, seal)| seal.leaf_index == index);
        let count = i64::try_from(seals.len()).unwrap_or(i64::MAX);
        if !numbered || count != block.leaves || chain::root(&kept) != block.root {
            let place = format!("blocks {}", block.position);
            self.find("chain", place, "its seals are not those that it was made of");
        }
        let ids: Vec<&[u8]> = seals.iter().map(|seal| seal.transaction.as_slice()).collect();
        let recorded = seals::recorded(db, &ids)?;
        let newest = self.newest;
        for seal in &seals {
            self.seal(seal, recorded.get(&seal.transaction), newest);
        }
        self.sealed.transactions = self.sealed.transactions.saturating_add(count);
        self.members(db, recorded.values())
    }

    /// Members stay their customers': an event's customer is sealed, and it is the one that its
    /// member had then.
    fn members<'r>(
        &mut self,
        db: &mut Db,
        list: impl Iterator<Item = &'r Recorded>,
    ) -> Result<(), StoreError> {
        let named: Vec<(MemberKey, &RecordedEvent)> = list
            .filter_map(|recorded| recorded.event.as_ref())
            .filter_map(|event| Some((member_of(event)?, event)))
            .collect();
        let keys: Vec<MemberKey> = named.iter().map(|(key, _event)| *key).collect();
        let found = customers::of_member_keys(db, &keys)?;
        for (key, event) in named {
            let customer = event.customer_id.as_deref();
            let is_same = found.get(&key).map(|id| id.bytes().as_slice()) == customer;
            if customer.is_some() && !is_same {
                let place = format!("{}/{}", event.partner_id, event.event_id);
                self.find("member", place, "its member is another customer's now");
            }
        }
        Ok(())
    }

    fn seal(&mut self, seal: &Seal, recorded: Option<&Recorded>, newest: i64) {
        let Some(recorded) = recorded else {
            self.find("seal", place(&seal.transaction), "was sealed, and is gone");
            return;
        };
        if Leaf::of(recorded).hash() != seal.leaf {
            let gone = if recorded.event.is_none() { " (its event is gone)" } else { "" };
            let detail = format!("is not what was sealed{gone}");
            self.find("seal", place(&recorded.id), &detail);
        }
        self.transaction(recorded, newest);
    }

    /// What holds for a transaction, sealed or not.
    fn transaction(&mut self, recorded: &Recorded, newest: i64) {
        let made = made_at(&recorded.id).unwrap_or_default();
        if made.saturating_add(LATE_MS) < newest {
            let detail = "is an hour older than what was sealed before it: it was added afterwards";
            self.find("seal", place(&recorded.id), detail);
        }
        self.newest = self.newest.max(made);
        match &recorded.event {
            Some(event) if event.transaction_id == recorded.id => {
                self.events = self.events.saturating_add(1);
            }
            None if needs_no_event(&recorded.kind) => {}
            _ => self.find("seal", place(&recorded.id), "no event stands for it"),
        }
    }

    fn unsealed(&mut self, db: &mut Db) -> Result<(), StoreError> {
        let mut after = Vec::new();
        let newest = self.newest;
        loop {
            let stretch = seals::unsealed(db, &after)?;
            let Some(last) = stretch.last else { return Ok(()) };
            after = last;
            for part in stretch.unsealed.chunks(usize::from(LEAVES_MAX)) {
                let wanted: Vec<&[u8]> = part.iter().map(Vec::as_slice).collect();
                let recorded = seals::recorded(db, &wanted)?;
                for recorded in recorded.values() {
                    self.transaction(recorded, newest);
                    self.sealed.unsealed = self.sealed.unsealed.saturating_add(1);
                }
                self.members(db, recorded.values())?;
            }
        }
    }

    fn heads(&mut self, db: &mut Db) -> Result<(), StoreError> {
        let Some(key) = self.outside.key else { return Ok(()) };
        for (line, text) in (1_usize..).zip(self.outside.heads) {
            let place = || format!("heads line {line}");
            let Some(block) = head::read(text, key) else {
                self.find("head", place(), "is not a head that the key at hand has signed");
                continue;
            };
            let place = || format!("heads line {line}, block {}", block.position);
            match seals::block(db, block.position)? {
                None => self.find("head", place(), "is gone: the end of the chain was cut off"),
                Some(stored) if stored.block.hash() != block.hash() => {
                    self.find("head", place(), "is another now: the chain was made anew");
                }
                Some(_same) => {}
            }
        }
        Ok(())
    }

    /// Events to which no transaction leads.
    fn strays(&mut self, db: &mut Db) -> Result<(), StoreError> {
        let mut after = Vec::new();
        loop {
            let (strays, next) = seals::strays(db, &after, i64::from(LEAVES_MAX))?;
            for stray in strays {
                let place = format!("{}/{}", stray.partner, stray.event);
                self.find("event", place, "its transaction is not of this event");
            }
            match next {
                Some(next) => after = next,
                None => return Ok(()),
            }
        }
    }

    fn find(&mut self, what: &str, place: String, detail: &str) {
        let alike = self.findings.iter().filter(|finding| finding.what == what).count();
        if alike < FINDINGS_MAX {
            let detail = detail.to_owned();
            self.findings.push(Finding { what: what.to_owned(), place, detail });
        }
    }
}

/// The member whom an event names.
fn member_of(event: &RecordedEvent) -> Option<MemberKey> {
    #[derive(Deserialize)]
    struct Body {
        data: Data,
    }
    #[derive(Deserialize)]
    struct Data {
        member: Option<String>,
    }
    let body: Body = serde_json::from_str(&event.body).ok()?;
    let partner = PartnerId::try_from(event.partner_id.as_str()).ok()?;
    let member = MemberRef::try_from(body.data.member?).ok()?;
    Some(MemberKey::of(&partner, &member))
}

/// The other bases are proved by queries ([`crate::store::proof`]).
fn needs_no_event(kind: &str) -> bool {
    TransactionKind::by_name(kind).is_some_and(|kind| match kind.basis() {
        Basis::Event => false,
        Basis::Time
        | Basis::Referral
        | Basis::Correction
        | Basis::Staff
        | Basis::Customer
        | Basis::Break
        | Basis::Payout => true,
    })
}

fn place(id: &[u8]) -> String {
    format!("transactions {}", hex(id))
}
