/// What the CRM tells us of a lead that it has, in our words. Why a bank declined is not among
/// them: nothing here carries a credit reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    Contacted,
    /// The person has the product.
    Converted,
    /// They have paid back for the first time.
    FirstRepayment,
    /// It does not proceed, whoever decided so.
    Lost,
    /// The product was given up after all: what was rewarded is clawed back.
    Cancelled,
}

impl Stage {
    pub const ALL: [Self; 5] =
        [Self::Contacted, Self::Converted, Self::FirstRepayment, Self::Lost, Self::Cancelled];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Contacted => "contacted",
            Self::Converted => "converted",
            Self::FirstRepayment => "first_repayment",
            Self::Lost => "lost",
            Self::Cancelled => "cancelled",
        }
    }

    /// The stage of that name; `None` when there is none.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.name() == name)
    }
}
