/// A stage of a lead that the CRM reports. A reason why a bank declined is not among them: nothing
/// here carries a credit reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CrmStage {
    Contacted,
    /// The person has the product.
    Converted,
    /// The person has made the first repayment.
    FirstRepayment,
    /// The lead does not proceed, whoever decided that.
    Lost,
    /// The product was given up after all: the reward is clawed back.
    Cancelled,
}

impl CrmStage {
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

    /// The stage of that name, if there is one.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.name() == name)
    }
}
