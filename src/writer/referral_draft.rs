//! A referral to be recorded, with the person's consent and sealed data.

use super::Submission;
use super::error::RecordError;
use crate::customer::PersonalKeys;
use crate::event::Referral;
use crate::ids::ConsentId;
use crate::store::consents::NewConsent;
use crate::store::personal::NewPersonal;
use crate::store::referrals::ReferralRecord;
use crate::trace_parent::TraceParent;

pub struct ReferralDraft<'a> {
    pub record: ReferralRecord,
    pub consent: Option<NewConsent<'a>>,
    pub personal: Option<NewPersonal>,
    /// The bank's own words on its state, which no partner reads.
    pub finding: Option<String>,
    pub trace: Option<TraceParent>,
}

impl<'a> ReferralDraft<'a> {
    /// Keeps the person's data only with their consent, and only sealed.
    pub fn new(
        submission: &'a Submission,
        referral: &'a Referral,
        mut record: ReferralRecord,
        keys: &PersonalKeys,
    ) -> Result<Self, RecordError> {
        let Some(given) = &referral.consent else {
            return Ok(Self { record, consent: None, personal: None, finding: None, trace: None });
        };
        let recorded_at = record.recorded_at;
        let text = submission.partner.programme.text(&given.text_version, &given.text_sha256);
        let given = given.clone();
        let consent = NewConsent {
            id: ConsentId::random(),
            partner: &submission.partner.id,
            given: text.map_or(given.clone(), |text| given.completed_by(text)),
            recorded_at,
        };
        record.consent = Some(consent.id);
        // Rejected: the bank has no use for the person's data, so it does not keep it.
        let personal = if record.state.is_open() {
            let plain = referral.contact.to_json()?;
            Some(NewPersonal {
                id: record.id,
                sealed: keys.seal(record.id.bytes(), &plain)?,
                phone_index: keys.phone_index(&referral.contact.phone),
                recorded_at,
            })
        } else {
            None
        };
        Ok(Self { record, consent: Some(consent), personal, finding: None, trace: None })
    }
}
