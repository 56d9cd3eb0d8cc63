use super::Lead;
use crate::clock::Moment;
use crate::event::Contact;
use crate::follow_up::CustomerStage;
use crate::ids::{ConsentId, PartnerId, ReferralId, RuleId};
use crate::money::{Amount, Asset};
use crate::referral::Placement;

/// A lead of an invented person, masked as leads are shown, to try a mapping on. Its fields are
/// constants, so the result is never `None`.
#[must_use]
pub fn sample() -> Option<Lead> {
    Some(Lead {
        id: ReferralId::from_uuid(uuid::Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0001)),
        revision: 1,
        partner: PartnerId::try_from("sunny-travel").ok()?,
        partner_name: "Sunny Road Travel".to_owned(),
        product: "travel-loan".to_owned(),
        amount: Amount::parse("88000.50", Asset::CNY).ok()?,
        region: "old-town".to_owned(),
        placement: Placement {
            score: 40,
            why: vec!["The amount is 80000 or more: 40.".to_owned()],
            next_step: Some("Call within a day.".to_owned()),
            branch: RuleId::try_from("old-town-branch").ok(),
            manager: RuleId::try_from("manager-7").ok(),
        },
        contact: Contact {
            name: "李*".to_owned(),
            phone: "+86*******5678".to_owned(),
            email: None,
            document: None,
            address: None,
        },
        reasons: vec!["The amount is within 5000 to 200000.".to_owned()],
        campaign: Some("Summer journeys".to_owned()),
        customer_stage: Some(CustomerStage::Considering),
        consent: ConsentId::from_uuid(uuid::Uuid::from_u128(
            0x0192_0000_0000_7000_8000_0000_0000_0002,
        )),
        consent_purpose: "to be called about this product".to_owned(),
        consent_text_version: "2026-10".to_owned(),
        consent_given_at: Moment::parse("2026-11-02T09:00:00Z")?,
        created_at: Moment::parse("2026-11-02T09:05:00Z")?,
    })
}
