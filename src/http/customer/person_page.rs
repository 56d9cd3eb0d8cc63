//! All that is held about a person, as a page to read and to print. It works without JavaScript and
//! fetches nothing. Times are the programme's; partners and products have their names.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;
use chrono_tz::Tz;

use super::person_words::PersonWords;
use crate::clock::Moment;
use crate::customer::consent_receipt::ConsentReceipt;
use crate::customer::own_referrals::OwnReferral;
use crate::customer::person_data::{Entry, Membership, PersonData, Referred};
use crate::customer::rejected_lines::RejectedLine;
use crate::follow_up::CustomerStage;
use crate::http::pages::frame::{PageStyle, show};
use crate::http::pages::words::Language;
use crate::http::problem::Problem;
use crate::ids::PartnerId;
use crate::money::{Amount, Asset};
use crate::partner::Registry;
use crate::referral::ReferralState;

#[derive(Template)]
#[template(path = "person_data.html", config = "src/http/askama.toml")]
struct Page {
    words: &'static PersonWords,
    as_of: String,
    /// The facts about a customer; empty for a person who is known by a referral only.
    facts: Vec<Fact>,
    /// Referrals that the person may confirm; empty for staff.
    to_confirm: Vec<ToConfirm>,
    sections: Vec<Section>,
    style: &'static str,
}

/// A referral with its button.
struct ToConfirm {
    item: Item,
    /// Where the button's form goes; nothing where it is confirmed.
    action: Option<String>,
}

struct Fact {
    label: &'static str,
    value: String,
}

struct Section {
    heading: &'static str,
    items: Vec<Item>,
}

/// One line of a list: when, what, and more about it.
struct Item {
    when: String,
    what: String,
    more: Vec<String>,
}

/// How the page is to be written.
#[derive(Clone, Copy)]
pub struct PageSetting<'a> {
    pub language: Language,
    /// The language as queries name it.
    pub lang: &'static str,
    pub zone: Tz,
    /// For the names of partners and products.
    pub registry: &'a Registry,
}

const STYLE: &str = include_str!("person_page.css");

/// Answers with the page. `own` are the open leads about the reader's own phone number.
///
/// # Errors
/// `internal`, when the page cannot be rendered.
pub fn page(
    data: &PersonData,
    own: &[OwnReferral],
    setting: PageSetting<'_>,
) -> Result<HttpResponse, Problem> {
    let writer = PageWriter { words: PersonWords::of(setting.language), setting };
    show(StatusCode::OK, &writer.page(data, own), PageStyle::Inside(STYLE))
}

struct PageWriter<'a> {
    words: &'static PersonWords,
    setting: PageSetting<'a>,
}

impl PageWriter<'_> {
    fn page(&self, data: &PersonData, own: &[OwnReferral]) -> Page {
        let mut sections = Vec::new();
        if let Some(customer) = &data.customer {
            sections.extend(self.customer(customer));
        }
        let referrals = data.referrals.iter().map(|referral| self.referral(referral)).collect();
        sections.push(Section { heading: self.words.referrals, items: referrals });
        if !data.rejected_lines.is_empty() {
            sections.push(self.rejects(data));
        }
        let consents = data.consents.iter().map(|consent| self.consent(consent)).collect();
        sections.push(Section { heading: self.words.consents, items: consents });
        sections.push(self.readings(data));
        sections.push(self.erasures(data));
        Page {
            words: self.words,
            as_of: self.at(data.as_of),
            facts: data.customer.as_ref().map_or_else(Vec::new, |customer| self.facts(customer)),
            to_confirm: own.iter().map(|referral| self.to_confirm(referral)).collect(),
            sections,
            style: STYLE,
        }
    }

    fn facts(&self, customer: &Membership) -> Vec<Fact> {
        let words = self.words;
        let fact = |label, value: String| Fact { label, value };
        let mut facts = vec![
            fact(words.available, customer.available.to_string()),
            fact(words.pending, customer.pending.to_string()),
            fact(words.held, customer.held.to_string()),
            fact(words.owed, customer.owed.to_string()),
            fact(words.enrolled, self.day(customer.enrolled_at)),
        ];
        facts.extend(customer.birth_month.map(|month| fact(words.birth_month, month.to_string())));
        facts.extend(customer.tier.as_deref().map(|tier| fact(words.tier, self.tier(tier))));
        facts
    }

    fn customer(&self, customer: &Membership) -> [Section; 4] {
        let words = self.words;
        let members = customer.members.iter().map(|member| Item {
            when: String::new(),
            what: format!("{}: {}", self.partner(&member.partner), member.member),
            more: vec![format!("{} {}", words.since, self.day(member.enrolled_at))],
        });
        let stages = customer.stages.iter().map(|step| Item {
            when: self.at(step.moved_at),
            what: CustomerStage::by_name(step.stage)
                .map_or(step.stage, |stage| words.stage(stage))
                .to_owned(),
            more: vec![self.either(&step.says, &step.says_zh)],
        });
        let announcements = customer.announcements.iter().map(|known| Item {
            when: known.due_on.to_string(),
            what: format!("{}: {}", words.notice(&known.kind), self.money(known.amount)),
            more: known.cancelled.then(|| words.cancelled.to_owned()).into_iter().collect(),
        });
        let entries = customer.entries.iter().map(|entry| self.entry(entry));
        [
            Section { heading: words.members, items: members.collect() },
            Section { heading: words.stages, items: stages.collect() },
            Section { heading: words.announcements, items: announcements.collect() },
            Section { heading: words.entries, items: entries.collect() },
        ]
    }

    fn entry(&self, entry: &Entry) -> Item {
        let more = match self.setting.language {
            Language::English => entry.explanation.clone(),
            Language::Chinese => entry.explanation_zh.clone(),
        };
        Item { when: self.at(entry.effective_at), what: signed(entry.amount), more }
    }

    fn referral(&self, referral: &Referred) -> Item {
        let words = self.words;
        let state =
            ReferralState::by_name(referral.state).map_or(referral.state, |it| words.state(it));
        let contact = match &referral.contact {
            Some(contact) => {
                let parts = [Some(&contact.name), Some(&contact.phone), contact.email.as_ref()];
                let parts: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
                parts.join(", ")
            }
            None => words.no_contact.to_owned(),
        };
        Item {
            when: self.at(referral.recorded_at),
            what: format!(
                "{}, {}, {}, {}: {state}",
                self.partner(&referral.partner),
                self.product(&referral.partner, &referral.product),
                self.money(referral.amount),
                referral.region,
            ),
            more: vec![format!("{}: {contact}", words.contact)],
        }
    }

    fn to_confirm(&self, own: &OwnReferral) -> ToConfirm {
        let words = self.words;
        let confirmed = own.confirmed_at.map(|at| format!("{}: {}", words.confirmed, self.at(at)));
        let product = self.product(&own.partner, &own.product);
        let item = Item {
            when: self.at(own.introduced_at),
            what: format!("{}, {product}", own.partner_name),
            more: confirmed.iter().cloned().collect(),
        };
        let path = format!("/v1/customers/me/referrals/{}/confirmation", own.referral);
        let action = format!("{path}?lang={}", self.setting.lang);
        ToConfirm { item, action: confirmed.is_none().then_some(action) }
    }

    fn rejects(&self, data: &PersonData) -> Section {
        let item = |line: &RejectedLine| Item {
            when: self.at(line.recorded_at),
            what: self.partner(&line.partner),
            more: vec![line.fields.join(", ")],
        };
        Section {
            heading: self.words.rejects,
            items: data.rejected_lines.iter().map(item).collect(),
        }
    }

    fn consent(&self, consent: &ConsentReceipt) -> Item {
        let words = self.words;
        let kinds: Vec<String> = consent.kinds.iter().map(|kind| words.data_kind(kind)).collect();
        let mut more = Vec::new();
        if let Some(recipient) = &consent.recipient {
            more.push(format!("{}: {}, {}", words.recipient, recipient.name, recipient.contact));
        }
        more.extend(consent.method.as_ref().map(|method| format!("{}: {method}", words.method)));
        if !kinds.is_empty() {
            more.push(format!("{}: {}", words.kinds, kinds.join(", ")));
        }
        more.push(format!(
            "{}: {} {}, {} {}",
            words.text, words.version, consent.text_version, words.fingerprint, consent.text_sha256
        ));
        if let Some(withdrawal) = &consent.withdrawal {
            more.push(format!("{}: {}", words.withdrawn, self.at(withdrawal.withdrawn_at)));
        }
        Item {
            when: format!("{}: {}", words.given, self.at(consent.given_at)),
            what: format!("{}: {}", words.purpose, consent.purpose),
            more,
        }
    }

    fn readings(&self, data: &PersonData) -> Section {
        let words = self.words;
        let items = data.readings.iter().map(|reading| Item {
            when: self.at(reading.read_at),
            what: words.author(&reading.reader_kind).to_owned(),
            more: vec![words.purpose_of(&reading.purpose).to_owned()],
        });
        Section { heading: words.readings, items: items.collect() }
    }

    fn erasures(&self, data: &PersonData) -> Section {
        let words = self.words;
        let items = data.erasures.iter().map(|erasure| Item {
            when: self.at(erasure.erased_at),
            what: words.author(&erasure.by_kind).to_owned(),
            more: vec![format!(
                "{}: {} {}; {}: {} {}",
                words.erased_contacts,
                erasure.contacts,
                words.records,
                words.erased_requests,
                erasure.signed_requests,
                words.records
            )],
        });
        Section { heading: words.erasures, items: items.collect() }
    }

    fn at(&self, moment: Moment) -> String {
        moment.minute_in(self.setting.zone)
    }

    fn day(&self, moment: Moment) -> String {
        moment.day_in(self.setting.zone).to_string()
    }

    fn either(&self, english: &str, chinese: &str) -> String {
        match self.setting.language {
            Language::English => english.to_owned(),
            Language::Chinese => chinese.to_owned(),
        }
    }

    fn money(&self, amount: Amount) -> String {
        let unit =
            if amount.asset() == Asset::CNY { self.words.yuan } else { amount.asset().code() };
        format!("{amount} {unit}")
    }

    /// The partner's name; its id once it has left.
    fn partner(&self, id: &PartnerId) -> String {
        let partner = self.setting.registry.get(id);
        partner.map_or_else(|| id.to_string(), |partner| partner.name.clone())
    }

    /// The tier's name; its id once the programme has it no more.
    fn tier(&self, id: &str) -> String {
        let programme = self.setting.registry.programme();
        let tier = programme.tiers.as_ref().and_then(|tiers| tiers.get(id));
        let named = tier.map(|tier| match self.setting.language {
            Language::English => tier.english(),
            Language::Chinese => tier.chinese(),
        });
        named.unwrap_or(id).to_owned()
    }

    /// The product's name, as the partner offers it; its id where it is not offered any more.
    fn product(&self, partner: &PartnerId, product: &str) -> String {
        let partner = self.setting.registry.get(partner);
        let named = partner.as_ref().and_then(|partner| partner.scheme.product_named(product));
        named.unwrap_or(product).to_owned()
    }
}

/// With its sign: what came as `+5.00`, what went as `-5.00`.
fn signed(amount: Amount) -> String {
    if amount.is_negative() || amount.is_zero() { amount.to_string() } else { format!("+{amount}") }
}
