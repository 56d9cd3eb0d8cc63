use super::Author;
use super::refusal::CustomerRefusal;
use crate::ids::{PartnerId, StaffId};
use crate::store::{Db, customers};

/// Who asks for an act, as the door knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requester {
    /// A customer, by the subject that the bank's identity provider gives them.
    Customer(String),
    Partner(PartnerId),
    Staff(StaffId),
}

impl Requester {
    /// The same person as the books know them.
    ///
    /// # Errors
    /// [`CustomerRefusal::NotFound`] for a subject that no customer has.
    pub fn author(&self, db: &mut Db) -> Result<Author, CustomerRefusal> {
        Ok(match self {
            Self::Customer(subject) => {
                let found = customers::by_subject(db, subject)?;
                Author::Customer(found.ok_or(CustomerRefusal::NotFound)?)
            }
            Self::Partner(id) => Author::Partner(id.clone()),
            Self::Staff(id) => Author::Staff(id.clone()),
        })
    }

    /// Whether staff ask: they are shown who did something, and why.
    #[must_use]
    pub const fn is_staff(&self) -> bool {
        matches!(self, Self::Staff(_))
    }
}
