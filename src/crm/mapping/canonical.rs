use super::Value;
use crate::crm::Lead;

/// A field of a lead, as mappings name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Canonical {
    Lead,
    Revision,
    Partner,
    PartnerName,
    Product,
    Amount,
    Currency,
    Region,
    Score,
    NextStep,
    Branch,
    Manager,
    Name,
    Phone,
    Email,
    Reasons,
    Campaign,
    CustomerStage,
    Consent,
    ConsentPurpose,
    ConsentTextVersion,
    ConsentGivenAt,
    CreatedAt,
}

impl Canonical {
    pub const ALL: [Self; 23] = [
        Self::Lead,
        Self::Revision,
        Self::Partner,
        Self::PartnerName,
        Self::Product,
        Self::Amount,
        Self::Currency,
        Self::Region,
        Self::Score,
        Self::NextStep,
        Self::Branch,
        Self::Manager,
        Self::Name,
        Self::Phone,
        Self::Email,
        Self::Reasons,
        Self::Campaign,
        Self::CustomerStage,
        Self::Consent,
        Self::ConsentPurpose,
        Self::ConsentTextVersion,
        Self::ConsentGivenAt,
        Self::CreatedAt,
    ];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lead => "lead",
            Self::Revision => "revision",
            Self::Partner => "partner",
            Self::PartnerName => "partner_name",
            Self::Product => "product",
            Self::Amount => "amount",
            Self::Currency => "currency",
            Self::Region => "region",
            Self::Score => "score",
            Self::NextStep => "next_step",
            Self::Branch => "branch",
            Self::Manager => "manager",
            Self::Name => "name",
            Self::Phone => "phone",
            Self::Email => "email",
            Self::Reasons => "reasons",
            Self::Campaign => "campaign",
            Self::CustomerStage => "customer_stage",
            Self::Consent => "consent",
            Self::ConsentPurpose => "consent_purpose",
            Self::ConsentTextVersion => "consent_text_version",
            Self::ConsentGivenAt => "consent_given_at",
            Self::CreatedAt => "created_at",
        }
    }

    /// The field of that name, if there is one.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }

    /// The value of this field in a lead.
    #[must_use]
    pub fn of(self, lead: &Lead) -> Value {
        let text = |text: &str| Value::Text(text.to_owned());
        match self {
            Self::Lead => Value::Text(lead.id.to_string()),
            Self::Revision => Value::Number(lead.revision.to_string()),
            Self::Partner => text(lead.partner.as_str()),
            Self::PartnerName => text(&lead.partner_name),
            Self::Product => text(&lead.product),
            Self::Amount => Value::Number(lead.amount.to_string()),
            Self::Currency => text(lead.amount.asset().code()),
            Self::Region => text(&lead.region),
            Self::Score => Value::Number(lead.placement.score.to_string()),
            Self::NextStep => lead.placement.next_step.as_deref().map_or(Value::Nothing, text),
            Self::Branch => {
                lead.placement.branch.as_ref().map_or(Value::Nothing, |id| text(id.as_str()))
            }
            Self::Manager => {
                lead.placement.manager.as_ref().map_or(Value::Nothing, |id| text(id.as_str()))
            }
            Self::Name => text(&lead.contact.name),
            Self::Phone => text(&lead.contact.phone),
            Self::Email => lead.contact.email.as_deref().map_or(Value::Nothing, text),
            Self::Reasons => Value::Text(lead.reasons.join(" ")),
            Self::Campaign => lead.campaign.as_deref().map_or(Value::Nothing, text),
            Self::CustomerStage => {
                lead.customer_stage.map_or(Value::Nothing, |stage| text(stage.name()))
            }
            Self::Consent => Value::Text(lead.consent.to_string()),
            Self::ConsentPurpose => text(&lead.consent_purpose),
            Self::ConsentTextVersion => text(&lead.consent_text_version),
            Self::ConsentGivenAt => Value::Text(lead.consent_given_at.to_string()),
            Self::CreatedAt => Value::Text(lead.created_at.to_string()),
        }
    }
}
