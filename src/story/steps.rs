//! The steps of a story, each kind read from where it is kept.

use serde::Deserialize;
use serde_json::Value;

use super::{Entry, Happened, LotNow, Message, Posted, Reason, SignedBy, StaffSaid, Step};
use crate::ids::{EventKey, PartnerId, ReferralId, TransactionId, hex};
use crate::ledger::seal::inclusion::{self, Inclusion};
use crate::reconcile::subject::SubjectKey;
use crate::store::event_search::{self, FoundEvent};
use crate::store::outbox::{Destination, deliveries};
use crate::store::seals::SealOfEvent;
use crate::store::{
    Db, StoreError, break_subjects, breaks, corrections, held_events, lots, one_transaction, seals,
    signatures, webhook_endpoints,
};

/// Entries, refunds, messages and breaks of one event that are shown.
const SHOWN_MAX: i64 = 100;

/// All of an event but what is about its referral.
pub(super) fn steps_of(db: &mut Db, event: &FoundEvent) -> Result<Vec<Step>, StoreError> {
    let at = event.recorded_at;
    let signed = signatures::of_event(db, event.key)?;
    let came = Happened::Came { body: readable(&event.body), is_signed: signed.is_some() };
    let mut steps = vec![Step { at, what: came }];
    if let Some(signed) = signed {
        let by = SignedBy {
            kid: signed.kid,
            algorithm: signed.algorithm,
            thumbprint: signed.thumbprint,
            signed_at: signed.created_at,
        };
        steps.push(Step { at, what: Happened::Signed(by) });
    }
    steps.extend(posted(db, event.transaction)?);
    steps.extend(sealed(db, event.key)?);
    steps.extend(held(db, event.key)?);
    for one in event_search::referring(db, event.key, SHOWN_MAX)? {
        let name = one.id.as_str().to_owned();
        let (key, kind, amount) = (one.key, one.kind, one.amount);
        let what = Happened::Followed { key, name, kind, amount };
        steps.push(Step { at: one.recorded_at, what });
    }
    steps.extend(corrected(db, event.transaction)?);
    steps.extend(differed(db, event.key)?);
    steps.extend(told(db, &event.partner, event.key.bytes())?);
    Ok(steps)
}

/// The order that the content of an event names.
pub(super) fn order_of(body: &str) -> Option<String> {
    let value: Value = serde_json::from_str(body).ok()?;
    value.pointer("/data/order")?.as_str().map(str::to_owned)
}

/// The content, line by line.
fn readable(body: &str) -> String {
    let value: Result<Value, _> = serde_json::from_str(body);
    let pretty = value.and_then(|value| serde_json::to_string_pretty(&value));
    pretty.unwrap_or_else(|_other| body.to_owned())
}

/// What a receipt says, as far as it is shown.
#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    marks: Vec<String>,
    #[serde(default)]
    explanation: Vec<SaidReason>,
}

#[derive(Deserialize)]
struct SaidReason {
    #[serde(default)]
    says: String,
    #[serde(default)]
    says_zh: String,
}

/// A transaction, with its reasons and the lots that it touched.
pub(super) fn posted(db: &mut Db, id: TransactionId) -> Result<Option<Step>, StoreError> {
    let Some(found) = one_transaction::read(db, id)? else { return Ok(None) };
    let said: Said = serde_json::from_str(&found.receipt)
        .map_err(|_other| StoreError::Corrupt("transactions.receipt"))?;
    let mut entries = one_transaction::entries_of(db, id, SHOWN_MAX.saturating_add(1))?;
    let shown = usize::try_from(SHOWN_MAX).unwrap_or(usize::MAX);
    let has_more = entries.len() > shown;
    entries.truncate(shown);
    let mut touched: Vec<_> = entries.iter().filter_map(|entry| entry.lot).collect();
    touched.sort_unstable();
    touched.dedup();
    let lots = lots::by_id(db, &touched)?.into_iter().map(LotNow::from).collect();
    let reasons = said.explanation.into_iter();
    let reasons = reasons.map(|it| Reason { says: it.says, says_zh: it.says_zh }).collect();
    let entries = entries.into_iter();
    let entries =
        entries.map(|it| Entry { account: it.account, amount: it.amount, rule: it.rule }).collect();
    let posted = Posted {
        transaction: id,
        kind: found.kind,
        marks: said.marks,
        reasons,
        entries,
        has_more,
        lots,
    };
    Ok(Some(Step { at: found.recorded_at, what: Happened::Posted(posted) }))
}

fn sealed(db: &mut Db, key: EventKey) -> Result<Option<Step>, StoreError> {
    let SealOfEvent::Sealed(seal) = seals::of_event(db, key)? else { return Ok(None) };
    let Some(block) = seals::block(db, seal.block)? else { return Ok(None) };
    let agrees = matches!(inclusion::of_event(db, key)?, Inclusion::Proof(_));
    let what = Happened::Sealed { block: seal.block, place: seal.leaf_index, agrees };
    Ok(Some(Step { at: block.block.sealed_at, what }))
}

/// Why an event or a reward brought nothing, and what staff made of it.
pub(super) fn held(db: &mut Db, key: EventKey) -> Result<Vec<Step>, StoreError> {
    let Some(held) = held_events::get(db, key)? else { return Ok(Vec::new()) };
    let what = Happened::Held { rule: held.rule, figure: held.figure, limit: held.limit };
    let mut steps = vec![Step { at: held.recorded_at, what }];
    let said = |it: held_events::Decided| StaffSaid { by: it.by, because: it.because };
    if let Some(proposed) = held.proposed {
        steps.push(Step { at: proposed.at, what: Happened::ReleaseProposed(said(proposed)) });
    }
    if let Some(decided) = held.decided {
        let at = decided.at;
        let what = match held.state {
            held_events::HeldState::Rejected => Happened::HoldRejected(said(decided)),
            held_events::HeldState::Open | held_events::HeldState::Released => {
                Happened::Released(said(decided))
            }
        };
        steps.push(Step { at, what });
    }
    Ok(steps)
}

fn corrected(db: &mut Db, id: TransactionId) -> Result<Option<Step>, StoreError> {
    let Some(id) = corrections::reversing(db, id)? else { return Ok(None) };
    let found = corrections::get(db, &id)?;
    Ok(found.map(|(it, _receipt)| Step { at: it.proposed_at, what: Happened::Corrected { id } }))
}

fn differed(db: &mut Db, key: EventKey) -> Result<Vec<Step>, StoreError> {
    let subject = SubjectKey::of_name(&["event", &hex(key.bytes())]);
    let mut steps = Vec::new();
    for id in break_subjects::about(db, subject, SHOWN_MAX)? {
        if let Some(it) = breaks::get(db, id)? {
            let (code, state, sums) = (it.code, it.state, it.sums);
            steps.push(Step {
                at: it.opened_at,
                what: Happened::Differed { id, code, state, sums },
            });
        }
    }
    Ok(steps)
}

/// Messages about a subject: to the CRM, to customers, to the bank and to the partner's endpoints.
pub(super) fn told(
    db: &mut Db,
    partner: &PartnerId,
    subject: &[u8; 16],
) -> Result<Vec<Step>, StoreError> {
    let mut to = vec![Destination::Crm, Destination::Notice, Destination::Bank];
    let endpoints = webhook_endpoints::of_partner(db, partner)?;
    to.extend(endpoints.into_iter().map(|endpoint| Destination::Webhook(endpoint.id)));
    let found = deliveries::about(db, &to, subject, SHOWN_MAX)?;
    let step = |it: crate::store::outbox::dead::Message| Step {
        at: it.recorded_at,
        what: Happened::Told(Message {
            destination: it.destination.to_string(),
            kind: it.kind,
            state: it.state.name(),
            attempts: it.attempts,
            error: it.last_error,
            delivered_at: it.delivered_at,
        }),
    };
    Ok(found.into_iter().map(step).collect())
}

/// Steps about a referral's rewards that were held.
pub(super) fn held_rewards(db: &mut Db, id: ReferralId) -> Result<Vec<Step>, StoreError> {
    let mut steps = Vec::new();
    for it in held_events::rewards_of(db, id)? {
        steps.extend(held(db, it.event)?);
    }
    Ok(steps)
}

impl From<crate::program::Lot> for LotNow {
    fn from(lot: crate::program::Lot) -> Self {
        let parts = lot.parts;
        Self {
            pending: parts.pending,
            available: parts.available,
            held: parts.held,
            redeemed: parts.redeemed,
            expired: parts.expired,
            owed: parts.owed,
            matures_at: lot.matures_at,
            expires_at: lot.expires_at,
        }
    }
}
