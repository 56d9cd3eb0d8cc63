//! What became of one event or one referral, as staff read it: all that is known, in the order of time.
//! Only reads; what a reader must be allowed is the door's matter.

mod event;
mod referral;
mod search;
mod steps;

pub use event::of_event;
pub use referral::of_referral;
pub use search::{Found, PersonAsked, PersonReading, StoryId, find, find_person};

use crate::clock::Moment;
use crate::ids::{BreakId, CorrectionId, EventKey, PartnerId, ReferralId, TransactionId};
use crate::ledger::Account;
use crate::money::Amount;
use crate::reconcile::break_code::{BreakCode, BreakSums};
use crate::reconcile::proposal::BreakState;

/// The story of an event or a referral.
pub struct Story {
    pub partner: PartnerId,
    /// The event's id as the partner says it; the referral's, where no event came.
    pub name: String,
    /// The partner's number of the order, where the event names one.
    pub order: Option<String>,
    /// The event's type.
    pub kind: String,
    pub amount: Amount,
    pub happened_at: Moment,
    pub referral: Option<ReferralId>,
    /// The earliest first.
    pub steps: Vec<Step>,
}

/// One thing that happened.
pub struct Step {
    pub at: Moment,
    pub what: Happened,
}

/// What happened.
pub enum Happened {
    /// The partner sent it: its content, without personal data.
    Came {
        body: String,
        is_signed: bool,
    },
    Signed(SignedBy),
    Posted(Posted),
    /// What is recorded is in the chain of seals.
    Sealed {
        block: i64,
        place: i64,
        agrees: bool,
    },
    /// It brought nothing, and waits for staff.
    Held {
        rule: String,
        figure: Option<String>,
        limit: Option<String>,
    },
    /// One person has released it, and another must too.
    ReleaseProposed(StaffSaid),
    Released(StaffSaid),
    HoldRejected(StaffSaid),
    /// Another event refers to it, such as a refund.
    Followed {
        key: EventKey,
        name: String,
        kind: String,
        amount: Amount,
    },
    /// It refers to another event.
    Corrected {
        id: CorrectionId,
    },
    /// A difference between the partner's statement and our books.
    Differed {
        id: BreakId,
        code: BreakCode,
        state: BreakState,
        sums: BreakSums,
    },
    Told(Message),
    /// A referral came to a state.
    Moved(Moved),
    /// Somebody read personal data of it.
    Read {
        reader_kind: String,
        reader: String,
        purpose: String,
    },
}

/// Which key of the partner signed the request.
pub struct SignedBy {
    pub kid: String,
    pub algorithm: String,
    /// The key's fingerprint (RFC 7638).
    pub thumbprint: String,
    pub signed_at: Moment,
}

/// A transaction with its reasons.
pub struct Posted {
    pub transaction: TransactionId,
    pub kind: String,
    /// What a reader should know that is no error, by name.
    pub marks: Vec<String>,
    /// Why it is what it is, in both languages.
    pub reasons: Vec<Reason>,
    pub entries: Vec<Entry>,
    /// More entries are there than are shown.
    pub has_more: bool,
    pub lots: Vec<LotNow>,
}

/// A sentence of a receipt.
pub struct Reason {
    pub says: String,
    pub says_zh: String,
}

pub struct Entry {
    pub account: Account,
    pub amount: Amount,
    pub rule: String,
}

/// Where points of a lot that the transaction touched are by now.
pub struct LotNow {
    pub pending: Amount,
    pub available: Amount,
    pub held: Amount,
    pub redeemed: Amount,
    pub expired: Amount,
    pub owed: Amount,
    pub matures_at: Option<Moment>,
    pub expires_at: Option<Moment>,
}

/// What a member of staff said and why.
pub struct StaffSaid {
    pub by: String,
    pub because: String,
}

/// A message on its way out.
pub struct Message {
    /// `crm`, `notice`, `bank`, or an endpoint's id.
    pub destination: String,
    pub kind: String,
    pub state: &'static str,
    pub attempts: i64,
    pub error: Option<String>,
    pub delivered_at: Option<Moment>,
}

/// A move of a referral.
pub struct Moved {
    pub state: crate::referral::ReferralState,
    pub actor_kind: String,
    pub actor: String,
    pub reason: String,
    pub finding: Option<String>,
    pub transaction: Option<TransactionId>,
}
