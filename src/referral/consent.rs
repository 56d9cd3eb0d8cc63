use chrono_tz::Tz;

use super::lifecycle::ReferralState;
use super::qualify::Verdict;
use crate::event::Referral;
use crate::partner::consent_text::ConsentText;

/// What a referral comes to whose consent does not hold: what was shown is not a text that the bank
/// has registered, or does not cover what is passed on. `None` where there is nothing against it.
#[must_use]
pub fn without_consent(referral: &Referral, texts: &[ConsentText], zone: Tz) -> Option<Verdict> {
    let given = referral.consent.as_ref()?;
    let mut against = Vec::new();
    if given.separate == Some(false) {
        against.push(
            "Passing the data to the bank must be agreed to by itself (separate), not together \
             with other terms."
                .to_owned(),
        );
    }
    let named = |text: &&ConsentText| {
        text.version == given.text_version && text.sha256 == given.text_sha256
    };
    match texts.iter().find(named) {
        // A bank that has registered none takes what the partner says.
        None if texts.is_empty() => {}
        None => against.push(format!(
            "The text {} with this SHA-256 is not one that the bank has registered.",
            given.text_version
        )),
        Some(text) => {
            if !text.in_force_on(given.given_at.day_in(zone)) {
                let version = &text.version;
                against.push(format!("The text {version} was not in force on the day of consent."));
            }
            against.extend(beyond(referral, text));
        }
    }
    if against.is_empty() {
        return None;
    }
    against.push(
        "Nothing is sent and the contact data is not kept. Ask for consent by a registered text, \
         then send a new event."
            .to_owned(),
    );
    Some(Verdict::new(ReferralState::NeedsConsent, against))
}

/// Where the event says otherwise than the text, or passes on more than the text names.
fn beyond(referral: &Referral, text: &ConsentText) -> Vec<String> {
    let mut against = Vec::new();
    let Some(given) = &referral.consent else { return against };
    let other = |recipient: &crate::event::Recipient| {
        recipient.name != text.recipient || recipient.contact != text.contact
    };
    if given.recipient.as_ref().is_some_and(other) {
        against.push("The recipient is another than the text names.".to_owned());
    }
    if given.method.as_ref().is_some_and(|method| *method != text.method) {
        against.push("The method is another than the text names.".to_owned());
    }
    let passed = [("name", true), ("phone", true), ("email", referral.contact.email.is_some())];
    let passed = passed.into_iter().filter(|(_kind, is_there)| *is_there).map(|(kind, _)| kind);
    let kinds = given.kinds.as_ref().unwrap_or(&text.kinds);
    if kinds.iter().any(|kind| !text.kinds.contains(kind)) {
        against.push("The kinds of data are more than the text names.".to_owned());
    }
    for kind in passed.filter(|kind| !kinds.iter().any(|known| known == kind)) {
        against.push(format!("The contact has {kind}, and the consent does not name it."));
    }
    against
}
