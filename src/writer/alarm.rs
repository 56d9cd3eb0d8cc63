//! Alarms to the bank's own address, queued in the transaction that is the reason for them: events of a
//! partner begin to be held by a rule, and staff freeze a partner or lift that. No customer is named.

use serde::Serialize;

use super::draft::Drafts;
use super::work::Work;
use crate::clock::Moment;
use crate::ids::{EventKey, MessageId, OrderKey, PartnerId};
use crate::program::{HeldReason, LocalMoment};
use crate::store::StoreError;
use crate::store::freezes::Freeze;
use crate::store::outbox::{self, Destination, Kind, NewMessage};

/// Why a partner's event is held.
pub struct HeldAlarm<'a> {
    pub partner: &'a PartnerId,
    pub why: &'a HeldReason,
}

/// Standard Webhooks 1.0, "Payload structure".
#[derive(Serialize)]
struct Payload<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: Moment,
    data: &'a Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    partner: &'a PartnerId,
    /// The limit by its id, or `late`, or `frozen`.
    rule: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    figure: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<String>,
    since: Moment,
    says: String,
    says_zh: String,
}

/// What a message is about: one message for the same alarm, and one for the same freeze.
struct About<'a> {
    subject: EventKey,
    kind: Kind,
    revision: i64,
    data: Data<'a>,
}

impl Work<'_> {
    /// Queues an alarm for each partner and rule that holds the first event of its day.
    pub(super) fn alarm_of_held(&mut self, drafts: &Drafts<'_>) -> Result<(), StoreError> {
        for alarm in drafts.alarms() {
            self.alarm_of(&alarm)?;
        }
        Ok(())
    }

    /// Queues an alarm if it is the first by its partner and rule on this day.
    pub(super) fn alarm_of(&mut self, alarm: &HeldAlarm<'_>) -> Result<(), StoreError> {
        if !self.bank.has_alarm_address {
            return Ok(());
        }
        let HeldAlarm { partner, why } = *alarm;
        let day = self.now.day_in(self.bank.time_zone).to_string();
        let since = self.now;
        let name = self.name_of(partner);
        let rule = why.rule();
        let (figure, limit) = why.figures().map(|[figure, limit]| (figure, limit)).unzip();
        let says = format!("Events of {name} wait for the bank. The first: {}", why.says());
        let says_zh = format!("{name}有事件待银行决定。首笔：{}", why.says_zh());
        let subject = EventKey::of_name(&["alarm", partner.as_str(), rule, &day]);
        let data = Data { partner, rule, figure, limit, since, says, says_zh };
        self.tell_bank(&About { subject, kind: Kind::AlarmBegan, revision: 1, data })
    }

    pub(super) fn alarm_of_freeze(&mut self, freeze: &Freeze) -> Result<(), StoreError> {
        let name = self.name_of(&freeze.partner);
        let since = LocalMoment::new(freeze.since, self.bank.time_zone).minute();
        let says =
            format!("Staff froze {name}. What it reported since {since} waits for the bank.");
        let says_zh = format!("工作人员已冻结{name}，其自{since}起上报的内容待银行决定。");
        let data = about_freeze(freeze, says, says_zh);
        let (subject, kind) = (key_of(freeze), Kind::PartnerFrozen);
        self.tell_bank(&About { subject, kind, revision: 1, data })
    }

    pub(super) fn alarm_of_lifting(&mut self, freeze: &Freeze) -> Result<(), StoreError> {
        let name = self.name_of(&freeze.partner);
        let says =
            format!("Staff lifted the freeze of {name}. What is held waits until staff decide.");
        let says_zh = format!("工作人员已解除对{name}的冻结，已搁置的内容仍待决定。");
        let data = about_freeze(freeze, says, says_zh);
        let (subject, kind) = (key_of(freeze), Kind::PartnerUnfrozen);
        self.tell_bank(&About { subject, kind, revision: 2, data })
    }

    fn tell_bank(&mut self, about: &About<'_>) -> Result<(), StoreError> {
        let About { subject, kind, revision, data } = about;
        // What partners on trial try out alarms nobody.
        if !self.bank.has_alarm_address || self.bank.registry.is_trial(data.partner) {
            return Ok(());
        }
        let payload = Payload { kind: kind.name(), timestamp: self.now, data };
        let message = NewMessage {
            id: MessageId::random(),
            destination: Destination::Bank,
            kind: *kind,
            subject: *subject.bytes(),
            revision: *revision,
            order: OrderKey::from_bytes(order_of(data.partner)),
            body: serde_json::to_string(&payload).ok(),
            trace: None,
        };
        if outbox::insert_once(&mut self.tx, &message, self.now)? {
            self.wake_relay();
        }
        Ok(())
    }

    /// The partner's name, as people know it.
    fn name_of(&self, partner: &PartnerId) -> String {
        let known = self.bank.registry.get(partner);
        known.map_or_else(|| partner.to_string(), |known| known.name.clone())
    }
}

const fn about_freeze(freeze: &Freeze, says: String, says_zh: String) -> Data<'_> {
    let Freeze { partner, since, .. } = freeze;
    Data { partner, rule: "frozen", figure: None, limit: None, since: *since, says, says_zh }
}

/// Messages about one partner go in their order.
fn order_of(partner: &PartnerId) -> [u8; 16] {
    *EventKey::of_name(&["alarms of", partner.as_str()]).bytes()
}

fn key_of(freeze: &Freeze) -> EventKey {
    EventKey::of_name(&["freeze", freeze.partner.as_str(), &freeze.at.to_string()])
}
