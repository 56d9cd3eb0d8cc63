//! A reading of personal data: who reads whose data, and why. It is recorded before the data is
//! opened.

use crate::ids::{CustomerId, ReferralId, SignatureId, StaffId};

/// Purposes of this program, which the person's page also says in Chinese.
pub const TO_ANSWER: &str = "to answer the person themselves";
pub const TO_TELL_CRM: &str = "to tell the CRM of the lead";
pub const TO_RESEAL: &str = "to seal it with the current key";
pub const TO_ERASE: &str = "to find and erase it";

/// A reader of personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataReader {
    /// The person whose data it is.
    Customer(CustomerId),
    Staff(StaffId),
    /// A part of this program, or one of its commands.
    Program(&'static str),
}

/// The person or record whose data is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataSubject {
    Customer(CustomerId),
    /// The contact data of a referral.
    Referral(ReferralId),
    /// A request that a partner signed, which may hold contact data.
    Signature(SignatureId),
}

/// A reading that is about to happen.
#[derive(Clone, Debug)]
pub struct Reading {
    pub reader: DataReader,
    /// The reason, in a few words and without personal data.
    pub purpose: String,
}

impl DataReader {
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Customer(_) => "customer",
            Self::Staff(_) => "staff",
            Self::Program(_) => "program",
        }
    }

    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Customer(id) => id.to_string(),
            Self::Staff(id) => id.to_string(),
            Self::Program(name) => (*name).to_owned(),
        }
    }
}

impl DataSubject {
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Customer(_) => "customer",
            Self::Referral(_) => "referral",
            Self::Signature(_) => "signature",
        }
    }

    #[must_use]
    pub const fn bytes(&self) -> &[u8; 16] {
        match self {
            Self::Customer(id) => id.bytes(),
            Self::Referral(id) => id.bytes(),
            Self::Signature(id) => id.bytes(),
        }
    }
}

impl Reading {
    /// A reading by this program itself.
    #[must_use]
    pub fn by_program(name: &'static str, purpose: &str) -> Self {
        Self { reader: DataReader::Program(name), purpose: purpose.to_owned() }
    }
}
