//! Typed ids, so that one id cannot stand for another. Text ids refuse text of another form. Random ids are
//! UUIDs of version 7 (RFC 9562), which sort by time. Name ids are hashes that anyone can compute.

mod hex;
mod name_keys;
mod said;
mod task;
mod written;

pub use hex::{hex, sha256};

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::text::is_label;

/// The text does not have the id's form; the message says what the form is.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a valid {what}: {form}")]
pub struct InvalidId {
    pub what: &'static str,
    pub form: &'static str,
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $form:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<&str> for $name {
            type Error = InvalidId;

            fn try_from(text: &str) -> Result<Self, InvalidId> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) {
                    Ok(Self(Arc::from(text)))
                } else {
                    Err(InvalidId { what: $what, form: $form })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::try_from(text.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::try_from(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.as_ref().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            #[must_use]
            pub fn random() -> Self {
                Self(Uuid::now_v7())
            }

            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            #[must_use]
            pub const fn bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::try_from(text)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = InvalidId;

            fn try_from(text: &str) -> Result<Self, InvalidId> {
                let invalid = InvalidId { what: "id", form: "a UUID (RFC 9562)" };
                Uuid::parse_str(text).map(Self).map_err(|_error| invalid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

macro_rules! name_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; 16]);

        impl $name {
            #[must_use]
            pub const fn bytes(&self) -> &[u8; 16] {
                &self.0
            }

            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The first 128 bits of the SHA-256 of the name's parts.
            #[must_use]
            pub fn of_name(parts: &[&str]) -> Self {
                let mut context = digest::Context::new(&digest::SHA256);
                for part in parts {
                    // Length first, so that text cannot move from one part to the next.
                    context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
                    context.update(part.as_bytes());
                }
                let mut id = [0; 16];
                id.iter_mut().zip(context.finish().as_ref()).for_each(|(to, from)| *to = *from);
                Self(id)
            }
        }
    };
}

text_id!(
    /// A partner's name in URLs, tokens, folders and tables.
    PartnerId,
    "partner id",
    "2 to 40 lower-case letters, digits and hyphens, starting with a letter",
    is_slug
);
text_id!(
    /// A partner's own id of an event (CloudEvents `id`), unique for ever within that partner.
    EventId,
    "event id",
    "1 to 128 printable ASCII characters without spaces",
    is_token
);
text_id!(
    /// A partner's reference to a customer: another one for each partner, never the bank's number.
    MemberRef,
    "member reference",
    "1 to 64 printable ASCII characters without spaces",
    |text| is_token(text) && text.len() <= 64
);
text_id!(
    /// A partner's number of an order, for people and reconciliation. In any script.
    OrderNumber,
    "order number",
    "1 to 128 characters, no control or invisible ones, no space at either end",
    is_label
);
text_id!(
    /// A partner's name of a stage of an order. In any script.
    StageName,
    "stage",
    "1 to 128 characters, no control or invisible ones, no space at either end",
    is_label
);
text_id!(
    /// A partner's name or number of a store. In any script.
    StoreName,
    "store",
    "1 to 128 characters, no control or invisible ones, no space at either end",
    is_label
);
text_id!(
    /// A partner's number of a line within its payment. In any script.
    LineNumber,
    "line number",
    "1 to 128 characters, no control or invisible ones, no space at either end",
    is_label
);
text_id!(
    /// A rule's, scheme's or product's name within its partner's manifest.
    RuleId,
    "rule id",
    "2 to 40 lower-case letters, digits and hyphens, starting with a letter",
    is_slug
);

text_id!(
    /// The code that a customer shows at a till, once, to spend points there.
    RedemptionCode,
    "redemption code",
    "16 digits",
    |text| text.len() == 16 && text.bytes().all(|b| b.is_ascii_digit())
);

text_id!(
    /// The id that staff give a correction that they propose, unique for ever.
    CorrectionId,
    "correction id",
    "1 to 64 letters, digits, points, hyphens and underscores",
    |text| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b".-_".contains(&b);
        (1..=64).contains(&text.len()) && text.bytes().all(plain)
    }
);
text_id!(
    /// The id that the bank's systems give an announcement, unique for ever.
    AnnouncementId,
    "announcement id",
    "1 to 64 letters, digits, points, hyphens and underscores",
    |text| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b".-_".contains(&b);
        (1..=64).contains(&text.len()) && text.bytes().all(plain)
    }
);
text_id!(
    /// The id that the bank's identity provider gives a member of its staff (OpenID Connect `sub`).
    StaffId,
    "staff id",
    "1 to 255 characters, no control characters",
    |text| (1..=255).contains(&text.len()) && !text.chars().any(char::is_control)
);

random_id!(
    /// One balanced transaction of the ledger.
    TransactionId
);
random_id!(
    /// The person who owns points. Never shown to a partner.
    CustomerId
);
random_id!(
    /// One introduction of a person to the bank by a partner; also the id of its lead in the CRM.
    ReferralId
);
random_id!(
    /// A quote: what a till was told before the payment.
    QuoteId
);
random_id!(
    /// Points that were earned together.
    LotId
);
random_id!(
    /// One record of a consent that a person gave.
    ConsentId
);
random_id!(
    /// One request that a partner signed.
    SignatureId
);
random_id!(
    /// One session of a member of staff at the console.
    SessionId
);
random_id!(
    /// One reading of personal data.
    ReadingId
);
random_id!(
    /// One erasure, and its certificate.
    ErasureId
);
random_id!(
    /// A partner's file, from its creation on.
    ImportId
);
random_id!(
    /// The holder of the lease on a request that may be repeated.
    LeaseId
);
random_id!(
    /// One message of the outbox.
    MessageId
);
random_id!(
    /// An endpoint to which a partner wants its events sent.
    EndpointId
);
random_id!(
    /// A file in which a partner says what happened in a month.
    StatementId
);
random_id!(
    /// A statement that comes in parts.
    StatementUploadId
);
random_id!(
    /// A file that is attached to a break.
    AttachmentId
);
random_id!(
    /// One comparison of a partner's month with our books.
    ReconciliationId
);
random_id!(
    /// What two people say of a line and an event that matched: they do not belong together.
    SeparationId
);
random_id!(
    /// A task of a customer manager, by its rule and its cause.
    TaskId
);

name_id!(
    /// A partner's event, by partner and event id: the primary key of events, for ever.
    EventKey
);
name_id!(
    /// A member, by partner and member reference.
    MemberKey
);
name_id!(
    /// A redemption code, by its digits: the digits are not stored while the code can be used.
    CodeKey
);
name_id!(
    /// A counter, by its name: for example a customer's points by a rule in a month.
    CounterKey
);
name_id!(
    /// What a limit of exposure counts, by its name: for example a partner's points of a day.
    ExposureKey
);
name_id!(
    /// A partner's hour, day or month in which its payments are counted.
    ConductKey
);
name_id!(
    /// A person and a product, by keyed hashes: it decides to which referral the person belongs.
    ClaimKey
);
name_id!(
    /// What several referrals have in common, by a keyed hash of it.
    SightingKey
);
name_id!(
    /// A key that a partner itself keeps unique: type of event, order and stage.
    BusinessKey
);
name_id!(
    /// A request that may be repeated, by caller, route and idempotency key.
    RequestKey
);
name_id!(
    /// What is delivered in order: for example all messages about one person.
    OrderKey
);
name_id!(
    /// A name as reconciliation compares it: of an order, a store, or all that a line says.
    ItemName
);
name_id!(
    /// A difference between a partner's statement and our books, by what differs.
    BreakId
);
name_id!(
    /// What the bank said of one payment, by what names it at the bank.
    BankEntryId
);
name_id!(
    /// A part of a file, by import, kind and place: the record for which it is sealed.
    PartKey
);
name_id!(
    /// A notice to a customer: its sender, kind, subject, and days ahead.
    NoticeId
);
name_id!(
    /// An account, by its name. It is neither looked up nor created in turn: two gateways that open
    /// an account at once mean the same row.
    AccountId
);

fn is_slug(text: &str) -> bool {
    (2..=40).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_token(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_another_form_are_refused() {
        for text in ["", "A", "a", "1ab", "a_b", "a b", "é-shop"] {
            assert!(PartnerId::try_from(text).is_err(), "{text:?}");
        }
        for text in ["", "a b", "a\u{0}", "a\n", "é"] {
            assert!(EventId::try_from(text).is_err(), "{text:?}");
        }
        assert!(MemberRef::try_from("m".repeat(65)).is_err());
        assert_eq!(PartnerId::try_from("green-basket").unwrap().as_str(), "green-basket");
    }
}
