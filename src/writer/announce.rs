//! Webhook messages, queued in the transaction that makes them true. They are thin, as Standard
//! Webhooks advises: ids and states. A partner that wants more asks the API for it.

use serde::Serialize;

use crate::clock::Moment;
use crate::ids::{BreakId, EventId, MessageId, OrderKey, PartnerId, ReferralId, TransactionId};
use crate::ledger::chain::Hash;
use crate::referral::ReferralState;
use crate::store::outbox::{self, Destination, Kind, NewMessage};
use crate::store::referrals::ReferralRecord;
use crate::store::webhook_endpoints::{self, State as EndpointState};
use crate::store::{LedgerTx, StoreError};

/// A change that a partner may be notified of.
pub struct News<'a> {
    pub partner: &'a PartnerId,
    pub kind: Kind,
    pub subject: [u8; 16],
    /// Rises with each news of the subject.
    pub revision: i64,
    pub data: Data<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
pub enum Data<'a> {
    Referral {
        referral: ReferralId,
        state: &'static str,
        product: &'a str,
    },
    Payment {
        event: &'a EventId,
        receipt: TransactionId,
        marks: Vec<&'static str>,
    },
    /// What a customer said to a hold.
    Answered {
        event: &'a EventId,
    },
    /// What staff decided, and the receipt of what it brought.
    Decided {
        event: &'a EventId,
        #[serde(skip_serializing_if = "Option::is_none")]
        receipt: Option<TransactionId>,
    },
    /// A month is closed: its statement is there.
    Settlement {
        statement_no: &'a str,
        period: String,
        sha256: Hash,
    },
    /// What became of a break about which the partner was asked. The question is read by the API.
    Break {
        #[serde(rename = "break")]
        id: BreakId,
        period: String,
        state: &'static str,
    },
}

/// Standard Webhooks 1.0, "Payload structure".
#[derive(Serialize)]
struct Payload<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: Moment,
    data: &'a Data<'a>,
}

/// The kind of message for a referral's new state; most states have none.
#[must_use]
pub const fn of_state(state: ReferralState) -> Option<Kind> {
    match state {
        ReferralState::Qualified => Some(Kind::ReferralQualified),
        ReferralState::Converted => Some(Kind::ReferralConverted),
        ReferralState::Rewarded => Some(Kind::ReferralRewarded),
        ReferralState::Received
        | ReferralState::NeedsConsent
        | ReferralState::Duplicate
        | ReferralState::Rejected
        | ReferralState::OnHold
        | ReferralState::Sent
        | ReferralState::Contacted
        | ReferralState::Lost
        | ReferralState::Expired
        | ReferralState::ClawedBack
        | ReferralState::Withdrawn => None,
    }
}

/// The news that a referral has come to a state, by its move of that number.
#[must_use]
pub fn of_referral(record: &ReferralRecord, state: ReferralState, seq: i64) -> Option<News<'_>> {
    let (referral, product) = (record.id, record.product.as_str());
    Some(News {
        partner: &record.partner,
        kind: of_state(state)?,
        subject: *referral.bytes(),
        revision: seq,
        data: Data::Referral { referral, state: state.name(), product },
    })
}

/// Queues a message for every endpoint that subscribes to the news; returns how many.
pub fn announce(
    tx: &mut LedgerTx<'_>,
    news: &[News<'_>],
    now: Moment,
) -> Result<usize, StoreError> {
    let mut partners: Vec<&PartnerId> = news.iter().map(|it| it.partner).collect();
    partners.sort_unstable();
    partners.dedup();
    if partners.is_empty() {
        return Ok(0);
    }
    let endpoints = webhook_endpoints::of_partners(tx.db(), &partners)?;
    let mut messages = Vec::new();
    for it in news {
        let wanting = endpoints.iter().filter(|endpoint| {
            endpoint.partner == *it.partner
                && endpoint.state == EndpointState::Enabled
                && endpoint.events.contains(&it.kind)
        });
        for endpoint in wanting {
            let payload = Payload { kind: it.kind.name(), timestamp: now, data: &it.data };
            messages.push(NewMessage {
                id: MessageId::random(),
                destination: Destination::Webhook(endpoint.id),
                kind: it.kind,
                subject: it.subject,
                revision: it.revision,
                order: OrderKey::from_bytes(*endpoint.id.bytes()),
                body: serde_json::to_string(&payload).ok(),
                trace: None,
            });
        }
    }
    outbox::insert(tx, &messages, now)?;
    Ok(messages.len())
}
