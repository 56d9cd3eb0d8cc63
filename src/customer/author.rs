use crate::ids::{CustomerId, PartnerId, StaffId};

/// The author of an act: of a withdrawal or an erasure, for example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Author {
    /// The person whose data it is.
    Customer(CustomerId),
    /// A partner, on behalf of the person.
    Partner(PartnerId),
    Staff(StaffId),
    /// A part of this program, for example because a period of retention is over.
    Program(&'static str),
}

impl Author {
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Customer(_) => "customer",
            Self::Partner(_) => "partner",
            Self::Staff(_) => "staff",
            Self::Program(_) => "program",
        }
    }

    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Customer(id) => id.to_string(),
            Self::Partner(id) => id.to_string(),
            Self::Staff(id) => id.to_string(),
            Self::Program(name) => (*name).to_owned(),
        }
    }
}
