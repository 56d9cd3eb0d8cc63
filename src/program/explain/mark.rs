//! Marks: short codes on a receipt for what a reader should know although the event was recorded.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// There was a discount, and no scheme was named for it.
    DiscountUndeclared,
    /// The scheme that was named does not allow this discount.
    DiscountDiffers,
    /// The scheme that was named was not in force.
    SchemeUnknown,
    /// The discount was given more often, or cost the bank more, than was agreed.
    DiscountSpent,
    /// An instalment fee was waived, and no waiver was named for it.
    WaiverUndeclared,
    /// The waiver that was named does not allow this.
    WaiverDiffers,
    /// The referral came without consent: recorded, never sent.
    ConsentMissing,
    /// The customer has to confirm the redemption before it can be committed.
    AwaitsCustomer,
    /// Recorded, and brings nothing until people decide.
    Held,
}

impl Mark {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DiscountUndeclared => "discount_undeclared",
            Self::DiscountDiffers => "discount_differs",
            Self::SchemeUnknown => "scheme_unknown",
            Self::DiscountSpent => "discount_spent",
            Self::WaiverUndeclared => "waiver_undeclared",
            Self::WaiverDiffers => "waiver_differs",
            Self::ConsentMissing => "consent_missing",
            Self::AwaitsCustomer => "awaits_customer",
            Self::Held => "held",
        }
    }

    /// Whether people have to decide on the payment: it claims what was not agreed. A discount that
    /// names no scheme claims nothing.
    #[must_use]
    pub const fn flags(self) -> bool {
        match self {
            Self::DiscountDiffers
            | Self::SchemeUnknown
            | Self::DiscountSpent
            | Self::WaiverUndeclared
            | Self::WaiverDiffers => true,
            Self::DiscountUndeclared | Self::ConsentMissing | Self::AwaitsCustomer | Self::Held => {
                false
            }
        }
    }
}
