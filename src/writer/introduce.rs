//! What is known of the people whom a group's referrals introduce: whose they are already, whether
//! the bank knows them, and how often they were seen. By keyed hashes: nobody is compared in the
//! clear.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use chrono_tz::Tz;

use super::Submission;
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
pub fn load<'a>(
    tx: &mut LedgerTx<'_>,
    submissions: impl Iterator<Item = &'a Submission>,
    (keys, zone): (&PersonalKeys, Tz),
    now: Moment,
    standings: &mut Standings,
) -> Result<(), StoreError> {
    let introductions: Vec<Introduction<'_>> =
        submissions.filter_map(|submission| introduction(submission, keys)).collect();
    if introductions.is_empty() {
        return Ok(());
    }
    let mut claims: BTreeSet<ClaimKey> = BTreeSet::new();
    let mut sightings: BTreeSet<(SightingKey, u32)> = BTreeSet::new();
    let mut asked = Vec::new();
    for it in &introductions {
        let partner = &it.submission.partner;
        let day = it.submission.event.effective_at.day_in(zone);
        let product = partner.scheme.product_on(&it.referral.product, day);
        if let Some(attribution) = product.and_then(|product| product.attribution.as_ref()) {
            claims.extend(it.person.all_claims(&it.referral.product));
            if attribution.existing_customers == Existing::Reject {
                asked.push(it);
            }
        }
        for (likeness, key) in it.person.all_sightings(&partner.id) {
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
    for it in introductions {
        standings.introductions.add_person(it.key, it.person);
    }
    Ok(())
}

/// Of a referral with consent: nobody asked for another one to be looked at.
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
    let customer = |it: &Introduction<'_>, standings: &Standings| -> Option<CustomerId> {
        let member = it.referral.member.as_ref()?;
        Some(standings.customer(&it.submission.partner.id, member)?.id)
    };
    let ids: Vec<CustomerId> = asked.iter().filter_map(|it| customer(it, standings)).collect();
    let of_bank = customers::of_bank(tx.db(), &ids)?;
    let phones: Vec<[u8; 32]> = asked.iter().flat_map(|it| it.person.phones().copied()).collect();
    let converted = referral_claims::converted(tx.db(), &phones)?;
    for it in asked {
        let known = customer(it, standings).is_some_and(|id| of_bank.contains(&id));
        if known || it.person.phones().any(|phone| converted.contains(phone)) {
            standings.introductions.add_customer(it.key);
        }
    }
    Ok(())
}
