use std::collections::{HashMap, HashSet};

use super::decision::{Decision, Introduced};
use crate::clock::Moment;
use crate::ids::{ClaimKey, EventKey, RuleId, SightingKey};
use crate::partner::Partner;
use crate::partner::attribution::{Likeness, Pattern};
use crate::partner::scheme::Product;
use crate::referral::{KnownPerson, Person};

/// What stands of the people whom the referrals at hand introduce.
#[derive(Clone, Debug, Default)]
pub struct Introductions {
    people: HashMap<EventKey, Person>,
    /// Those whom the bank knows already.
    of_bank: HashSet<EventKey>,
    claimed: HashSet<ClaimKey>,
    /// How often it was seen in that number of hours.
    seen: HashMap<(SightingKey, u32), i64>,
}

impl Introductions {
    pub fn add_person(&mut self, referral: EventKey, person: Person) {
        self.people.insert(referral, person);
    }

    /// Notes that the person is the bank's customer already.
    pub fn add_customer(&mut self, referral: EventKey) {
        self.of_bank.insert(referral);
    }

    pub fn add_claim(&mut self, claim: ClaimKey) {
        self.claimed.insert(claim);
    }

    pub fn add_seen(&mut self, sighting: SightingKey, hours: u32, times: i64) {
        self.seen.insert((sighting, hours), times);
    }

    /// Counts from now on, where nothing was counted yet.
    pub fn start_seeing(&mut self, sighting: SightingKey, hours: u32) {
        self.seen.entry((sighting, hours)).or_insert(0);
    }

    /// What is known of whoever is introduced.
    #[must_use]
    pub fn known(
        &self,
        referral: EventKey,
        partner: &Partner,
        product: &Product,
        enrolled_at: Option<Moment>,
    ) -> KnownPerson {
        let Some(person) = self.people.get(&referral) else {
            return KnownPerson { enrolled_at, ..KnownPerson::default() };
        };
        let claims = product.attribution.as_ref().map(|_| person.all_claims(&product.id));
        KnownPerson {
            enrolled_at,
            is_staff: person.phones().any(|phone| partner.staff.has(phone)),
            is_customer: self.of_bank.contains(&referral),
            is_claimed: claims.into_iter().flatten().any(|claim| self.claimed.contains(&claim)),
            patterns: self.patterns(&person.all_sightings(&partner.id), &partner.programme.pattern),
        }
    }

    fn patterns(&self, here: &[(Likeness, SightingKey)], patterns: &[Pattern]) -> Vec<RuleId> {
        let is_one_too_many = |pattern: &&Pattern| {
            let alike = here.iter().filter(|(likeness, _key)| *likeness == pattern.same);
            let before = alike.filter_map(|(_, key)| self.seen.get(&(*key, pattern.hours)));
            let times = before.fold(0_i64, |sum, times| sum.saturating_add(*times));
            times >= i64::from(pattern.referrals)
        };
        patterns.iter().filter(is_one_too_many).map(|pattern| pattern.id.clone()).collect()
    }

    /// What a referral leaves behind: the person is claimed by it if it may become a lead, and has
    /// been seen once more.
    #[must_use]
    pub fn introduced(
        &self,
        referral: EventKey,
        partner: &Partner,
        product: &Product,
        is_open: bool,
    ) -> Option<Introduced> {
        let person = self.people.get(&referral)?;
        let claims = match (&product.attribution, is_open) {
            (Some(_), true) => person.claims(&product.id),
            _ => Vec::new(),
        };
        let sightings = person.sightings(&partner.id).into_iter().map(|(_, key)| key).collect();
        Some(Introduced { claims, sightings })
    }

    /// Lets them follow a decision.
    pub fn follow(&mut self, decision: &Decision) {
        let Some(introduced) = &decision.introduced else { return };
        self.claimed.extend(&introduced.claims);
        for ((sighting, _hours), times) in &mut self.seen {
            if introduced.sightings.contains(sighting) {
                *times = times.saturating_add(1);
            }
        }
    }
}
