//! What a message is: to whom, about what, in which order.

use crate::ids::{EndpointId, MessageId, OrderKey, ReferralId};
use crate::store::StoreError;
use crate::trace_parent::TraceParent;

/// By which way a message leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    Crm,
    Webhook,
    Notice,
}

/// The receiver of a message. Each has a rate, a circuit breaker and a lag of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Destination {
    /// The bank's CRM.
    Crm,
    /// One endpoint of a partner.
    Webhook(EndpointId),
    /// The bank's own address for alarms.
    Bank,
    /// Whoever sends notices to customers.
    Notice,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident $name:literal;)*) => {
        /// What a message says.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Kind {
            $($(#[$doc])* $kind),*
        }

        impl Kind {
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name),*
                }
            }

            #[must_use]
            pub fn by_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$kind),)*
                    _ => None,
                }
            }
        }
    };
}

kinds! {
    /// To the CRM: the lead as it is now. Holds the latest, whichever revision it is.
    Lead "lead";
    /// To the CRM: the person of a lead does not agree any longer.
    ConsentWithdrawn "consent_withdrawn";
    /// To the CRM: something that a customer manager is to do, as it is now.
    Task "task";
    /// To webhooks, from here on.
    ReferralQualified "referral.qualified";
    ReferralConverted "referral.converted";
    ReferralRewarded "referral.rewarded";
    /// A discount or waiver that is not what was agreed.
    PaymentFlagged "payment.flagged";
    /// An event that brings nothing until the bank decides, and what the bank decided.
    EventHeld "event.held";
    EventReleased "event.released";
    EventRejected "event.rejected";
    /// The statement of a closed month is there.
    SettlementReady "settlement.ready";
    /// The bank asks the partner about a break, and has decided on one about which it had asked.
    BreakAsked "settlement.break.asked";
    BreakClosed "settlement.break.closed";
    /// The customer confirmed a hold that waited for them, or declined it.
    RedemptionConfirmed "redemption.confirmed";
    RedemptionDeclined "redemption.declined";
    /// To the bank's address for alarms: events of a partner are held, and staff have frozen a partner
    /// or lifted that.
    AlarmBegan "alarm.began";
    PartnerFrozen "partner.frozen";
    PartnerUnfrozen "partner.unfrozen";
    /// To a customer: what will happen.
    Notice "notice";
}

/// Where a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Waiting,
    Delivered,
    /// Given up, for people to look at and to replay.
    Dead,
    /// A newer revision made it pointless.
    Superseded,
    /// What it would have said must not be said any more.
    Cancelled,
}

/// A message to be queued.
#[derive(Clone, Debug)]
pub struct NewMessage {
    pub id: MessageId,
    pub destination: Destination,
    pub kind: Kind,
    /// What it is about: a referral's id, an event's key.
    pub subject: [u8; 16],
    /// Rises with each message about the subject to the destination: an older one never goes out
    /// after a newer.
    pub revision: i64,
    pub order: OrderKey,
    /// What it says, where it is not read from its subject when it goes out. No personal data.
    pub body: Option<String>,
    /// Where in a trace it came about.
    pub trace: Option<TraceParent>,
}

impl NewMessage {
    /// The first that the CRM hears of a lead; a person's leads go in order.
    #[must_use]
    pub fn lead(referral: ReferralId, order: OrderKey) -> Self {
        Self {
            id: MessageId::random(),
            destination: Destination::Crm,
            kind: Kind::Lead,
            subject: *referral.bytes(),
            revision: 1,
            order,
            body: None,
            trace: None,
        }
    }
}

impl Channel {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crm => "crm",
            Self::Webhook => "webhook",
            Self::Notice => "notice",
        }
    }
}

impl Destination {
    #[must_use]
    pub const fn channel(self) -> Channel {
        match self {
            Self::Crm => Channel::Crm,
            Self::Webhook(_) | Self::Bank => Channel::Webhook,
            Self::Notice => Channel::Notice,
        }
    }

    /// Whether all of it goes in one order, instead of an order for each person.
    pub(super) const fn is_in_one_order(self) -> bool {
        matches!(self, Self::Webhook(_))
    }

    /// Whether a newer message about a subject says all that an older one would.
    pub(super) const fn wants_the_latest_only(self) -> bool {
        matches!(self, Self::Crm)
    }

    pub(super) fn read(channel: &str, name: &str) -> Result<Self, StoreError> {
        match channel {
            "crm" => Ok(Self::Crm),
            "notice" => Ok(Self::Notice),
            "webhook" if name == BANK => Ok(Self::Bank),
            "webhook" => EndpointId::try_from(name)
                .map(Self::Webhook)
                .map_err(|_invalid| StoreError::Corrupt("outbox.destination")),
            _ => Err(StoreError::Corrupt("outbox.channel")),
        }
    }
}

/// The name of the bank's own address, among the endpoints' ids.
const BANK: &str = "bank";

/// The endpoint's id, or the channel where it has one destination only.
impl std::fmt::Display for Destination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Webhook(endpoint) => endpoint.fmt(f),
            Self::Bank => f.write_str(BANK),
            Self::Crm | Self::Notice => f.write_str(self.channel().name()),
        }
    }
}

impl State {
    pub const ALL: [Self; 5] =
        [Self::Waiting, Self::Delivered, Self::Dead, Self::Superseded, Self::Cancelled];

    /// The state of that name; `None` when there is none.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
            Self::Superseded => "superseded",
            Self::Cancelled => "cancelled",
        }
    }

    pub(super) fn read(name: &str) -> Result<Self, StoreError> {
        Self::by_name(name).ok_or(StoreError::Corrupt("outbox.state"))
    }
}
