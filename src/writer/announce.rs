//! What partners' webhooks are told of, put in line in the transaction that makes it true. Thin, as
//! Standard Webhooks advises: ids and states; who wants more asks the API for it.

use serde::Serialize;

use crate::clock::Moment;
use crate::ids::{EventId, MessageId, OrderKey, PartnerId, ReferralId, TransactionId};
use crate::referral::ReferralState;
use crate::store::outbox::{self, Destination, Kind, NewMessage};
use crate::store::webhook_endpoints::{self, State as EndpointState};
use crate::store::{LedgerTx, StoreError};

/// Something that a partner may have told.
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
    Referral { referral: ReferralId, state: &'static str, product: &'a str },
    Payment { event: &'a EventId, receipt: TransactionId, marks: Vec<&'static str> },
}

/// Standard Webhooks 1.0, "Payload structure".
#[derive(Serialize)]
struct Payload<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: Moment,
    data: &'a Data<'a>,
}

/// What a referral's move to a state is as news; most are none.
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

/// A referral that has come to a state by a move of that number.
#[must_use]
pub fn of_referral<'a>(
    partner: &'a PartnerId,
    referral: ReferralId,
    product: &'a str,
    (state, seq): (ReferralState, i64),
) -> Option<News<'a>> {
    Some(News {
        partner,
        kind: of_state(state)?,
        subject: *referral.bytes(),
        revision: seq,
        data: Data::Referral { referral, state: state.name(), product },
    })
}

/// Puts the news in line for every endpoint that wants them; how many messages that makes.
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
