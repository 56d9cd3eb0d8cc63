//! What is known of the people whom a group's referrals introduce: whose they are already, whether
//! the bank knows them, and how often they were seen. Persons are compared by keyed hashes only.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::Submission;
use super::work::Bank;
use crate::clock::Moment;
use crate::customer::PersonalKeys;
use crate::event::{EventData, Referral};
use crate::ids::{ClaimKey, CustomerId, EventKey, SightingKey};
use crate::partner::attribution::Existing;
use crate::program::Standings;
use crate::referral::Person;
use crate::store::{LedgerTx, StoreError, customers, referral_claims};

/// A referral with consent, and the person by keyed hashes.
struct Introduction<'a> {
    key: EventKey,
    submission: &'a Submission,
    referral: &'a Referral,
    person: Person,
}

/// Loads what the referrals of a group need to know of their people. What another gateway claims
/// from here on is found when this group claims it too.
pub fn load(
    tx: &mut LedgerTx<'_>,
    submissions: &[&Submission],
    bank: &Bank,
    now: Moment,
    standings: &mut Standings,
) -> Result<(), StoreError> {
    let introductions: Vec<Introduction<'_>> =
        submissions.iter().filter_map(|submission| introduction(submission, &bank.keys)).collect();
    if introductions.is_empty() {
        return Ok(());
    }
    let mut claims: BTreeSet<ClaimKey> = BTreeSet::new();
    let mut sightings: BTreeSet<(SightingKey, u32)> = BTreeSet::new();
    let mut asked = Vec::new();
    for introduction in &introductions {
        let partner = &introduction.submission.partner;
        let day = introduction.submission.event.effective_at.day_in(bank.time_zone);
        let product = partner.scheme.product_on(&introduction.referral.product, day);
        if let Some(attribution) = product.and_then(|product| product.attribution.as_ref()) {
            claims.extend(introduction.person.all_claims(&introduction.referral.product));
            if attribution.existing_customers == Existing::Reject {
                asked.push(introduction);
            }
        }
        for (likeness, key) in introduction.person.all_sightings(&partner.id) {
            let patterns = partner.programme.pattern.iter();
            let like = patterns.filter(|pattern| pattern.same == likeness);
            sightings.extend(like.map(|pattern| (key, pattern.hours)));
        }
    }
    let claims: Vec<ClaimKey> = claims.into_iter().collect();
    for claim in referral_claims::live(tx.db(), &claims, now)? {
        standings.introductions.add_claim(claim);
    }
    for (key, hours) in sightings {
        let since = now.minus(TimeDelta::hours(i64::from(hours)));
        let times = referral_claims::seen_since(tx.db(), key, since)?;
        standings.introductions.add_seen(key, hours, times);
    }
    note_customers(tx, &asked, standings)?;
    for introduction in introductions {
        standings.introductions.add_person(introduction.key, introduction.person);
    }
    Ok(())
}

/// The person of a referral with consent. Without consent the person is not looked up.
fn introduction<'a>(submission: &'a Submission, keys: &PersonalKeys) -> Option<Introduction<'a>> {
    let EventData::Referral(referral) = &submission.event.data else { return None };
    referral.consent.as_ref()?;
    let key = EventKey::of(&submission.partner.id, &submission.event.id);
    let person = Person::of(&referral.contact, |sort, text| keys.blind_indexes(sort, text));
    Some(Introduction { key, submission, referral, person })
}

/// Notes who of these is the bank's customer already: a member whom the bank knows, or a phone of
/// somebody who has a product by an earlier referral.
fn note_customers(
    tx: &mut LedgerTx<'_>,
    asked: &[&Introduction<'_>],
    standings: &mut Standings,
) -> Result<(), StoreError> {
    if asked.is_empty() {
        return Ok(());
    }
    let customer = |asked: &Introduction<'_>, standings: &Standings| -> Option<CustomerId> {
        let member = asked.referral.member.as_ref()?;
        Some(standings.customer(&asked.submission.partner.id, member)?.id)
    };
    let ids: Vec<CustomerId> =
        asked.iter().filter_map(|introduction| customer(introduction, standings)).collect();
    let of_bank = customers::of_bank(tx.db(), &ids)?;
    let phones: Vec<[u8; 32]> =
        asked.iter().flat_map(|introduction| introduction.person.phones().copied()).collect();
    let converted = referral_claims::converted(tx.db(), &phones)?;
    for introduction in asked {
        let known = customer(introduction, standings).is_some_and(|id| of_bank.contains(&id));
        if known || introduction.person.phones().any(|phone| converted.contains(phone)) {
            standings.introductions.add_customer(introduction.key);
        }
    }
    Ok(())
}
