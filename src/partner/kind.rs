use serde::Deserialize;

/// What kind of business a partner is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartnerKind {
    Supermarket,
    NeighbourhoodShop,
    TravelAgency,
    RenovationFirm,
    RuralCooperative,
    /// The bank itself.
    Bank,
}

impl PartnerKind {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Supermarket => "supermarket",
            Self::NeighbourhoodShop => "neighbourhood_shop",
            Self::TravelAgency => "travel_agency",
            Self::RenovationFirm => "renovation_firm",
            Self::RuralCooperative => "rural_cooperative",
            Self::Bank => "bank",
        }
    }
}
