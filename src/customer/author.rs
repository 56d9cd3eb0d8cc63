use crate::ids::{CustomerId, PartnerId, StaffId};

/// Who withdrew a consent, or had something erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Author {
    /// The person whose data it is.
    Customer(CustomerId),
    /// The partner, for the person.
    Partner(PartnerId),
    Staff(StaffId),
    /// A part of this program, because a period was over.
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
