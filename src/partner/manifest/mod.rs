//! `partner.toml`: parsed once. A manifest with any fault is refused whole, with file, line and key.

mod fit;
mod plausible;

use std::sync::Arc;

use chrono::NaiveDate;
use serde::Deserialize;
use toml::Spanned;

use super::access::Access;
use super::file_map::FileMap;
use super::form::Form;
use super::kind::PartnerKind;
use super::lifecycle::{Status, Taken};
use super::listing::{self, Unlisted};
use super::place::{ManifestError, Place};
use super::rules::attribution::PartnerStaff;
use super::rules::bank_account::BankAccount;
use super::rules::earning::{Earning, Stacking};
use super::rules::exposure::{self, ExposureLimit, OwnLimit};
use super::rules::limits::{EventLimits, LimitsTable};
use super::rules::pattern::OwnPattern;
use super::rules::payment_pattern::{self, PaymentPattern};
use super::rules::programme::Programme;
use super::rules::referral_pattern::{self, ReferralPattern};
use super::rules::scheme::{Discount, FeeWaiver, Product, Scheme};
use super::rules::tax::TaxTerms;
use super::rules::terms::Term;
use super::statement_map::StatementMap;
use crate::ids::PartnerId;

/// A partner as its manifest describes it.
#[derive(Clone, Debug)]
pub struct Partner {
    pub id: PartnerId,
    pub name: String,
    pub kind: PartnerKind,
    pub status: Status,
    /// When the partner is on the bank's list (名单制). Outside that term we take nothing from it.
    pub listed: Term,
    pub access: Access,
    pub enrolment: Enrolment,
    pub scheme: Scheme,
    pub payments_file: Option<FileMap>,
    /// How the partner writes what it says happened in a month.
    pub statement: Option<StatementMap>,
    /// Where the bank pays what a month came to.
    pub account: Option<BankAccount>,
    /// What its invoices need.
    pub tax: Option<TaxTerms>,
    /// The page on which a shop without software enters its payments.
    pub form: Option<Form>,
    pub programme: Arc<Programme>,
    /// Whether customers may spend points there.
    pub redemption: bool,
    /// People who work for the partner. The partner cannot refer them.
    pub staff: PartnerStaff,
    /// The most that one event of the partner may be about.
    pub limits: EventLimits,
    /// What the partner may cost the bank before people say yes.
    pub exposure: Vec<ExposureLimit>,
    /// What honest tills do not do: such payments are held.
    pub payment_patterns: Vec<PaymentPattern>,
    /// How referrals of honest partners do not end: while the partner's do, what they bring is held.
    pub referral_patterns: Vec<ReferralPattern>,
    /// How many days late an event may arrive. Later ones are held.
    pub late_days_max: u32,
}

/// When a member reference becomes a customer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Enrolment {
    /// Only references that the bank gave out are known.
    #[default]
    Linked,
    /// The first event with a new reference enrols it.
    FirstEvent,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ManifestDocument {
    id: Spanned<PartnerId>,
    name: String,
    kind: PartnerKind,
    status: Spanned<Status>,
    listed: Spanned<Listed>,
    access: Spanned<Access>,
    #[serde(default)]
    members: Members,
    #[serde(default)]
    events: Events,
    limits: Option<Spanned<LimitsTable>>,
    #[serde(default)]
    exposure: Vec<Spanned<OwnLimit>>,
    #[serde(default)]
    payment_pattern: Vec<Spanned<OwnPattern>>,
    #[serde(default)]
    referral_pattern: Vec<Spanned<OwnPattern>>,
    #[serde(default)]
    earning: Vec<Spanned<Earning>>,
    #[serde(default)]
    stacking: Vec<Spanned<Stacking>>,
    #[serde(default)]
    discount: Vec<Spanned<Discount>>,
    #[serde(default)]
    fee_waiver: Vec<Spanned<FeeWaiver>>,
    #[serde(default)]
    product: Vec<Spanned<Product>>,
    #[serde(default)]
    redemption: Redemption,
    #[serde(default)]
    staff: PartnerStaff,
    #[serde(default)]
    import: Import,
    form: Option<Form>,
    statement: Option<Spanned<StatementMap>>,
    account: Option<BankAccount>,
    tax: Option<TaxTerms>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    from: NaiveDate,
    until: Option<NaiveDate>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    #[serde(default)]
    enrolment: Enrolment,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Events {
    late_days_max: Option<Spanned<u32>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Redemption {
    #[serde(default)]
    accepted: bool,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Import {
    payments: Option<Spanned<FileMap>>,
}

impl Partner {
    /// Reads a manifest. `file` is its name in errors, `folder` the name that its id must have,
    /// `programme` what holds for all partners.
    ///
    /// # Errors
    /// [`ManifestError`] with the line of the first fault.
    pub fn parse(
        text: &str,
        file: &str,
        folder: &str,
        programme: &Arc<Programme>,
    ) -> Result<Self, ManifestError> {
        let place = Place { text, file };
        let document: ManifestDocument = toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            place.error(start, error.message())
        })?;
        document.check(&place, folder)?;
        let limits = document.limits(&place, programme)?;
        document.check_values(&place, programme, &limits)?;
        let exposure = exposure::own(&place, &programme.exposure, &document.exposure)?;
        let payment_patterns =
            payment_pattern::own(&place, &programme.payment_pattern, &document.payment_pattern)?;
        let referral_patterns =
            referral_pattern::own(&place, &programme.referral_pattern, &document.referral_pattern)?;
        let late_days_max = document.events.late_days_max.map(Spanned::into_inner);
        Ok(Self {
            id: document.id.into_inner(),
            name: document.name,
            kind: document.kind,
            status: document.status.into_inner(),
            listed: document.listed.get_ref().term(),
            access: document.access.into_inner(),
            enrolment: document.members.enrolment,
            scheme: Scheme {
                earning: unspanned(document.earning),
                stacking: unspanned(document.stacking),
                discounts: unspanned(document.discount),
                fee_waivers: unspanned(document.fee_waiver),
                products: unspanned(document.product),
            },
            programme: Arc::clone(programme),
            redemption: document.redemption.accepted,
            staff: document.staff,
            payments_file: document.import.payments.map(Spanned::into_inner),
            statement: document.statement.map(Spanned::into_inner),
            account: document.account,
            tax: document.tax,
            form: document.form,
            limits,
            exposure,
            payment_patterns,
            referral_patterns,
            late_days_max: late_days_max.unwrap_or(programme.lateness.late_days_max),
        })
    }

    /// The most that one event of the shop's form may be about.
    #[must_use]
    pub fn form_limits(&self) -> EventLimits {
        self.limits.of_form(self.form.as_ref().and_then(|form| form.amount_max))
    }

    /// Whether the partner may do that much on a day.
    ///
    /// # Errors
    /// [`Unlisted`] with the reason why not.
    pub fn takes(&self, taken: Taken, day: NaiveDate) -> Result<(), Unlisted> {
        self.listed_on(day)?;
        if self.status.takes() < taken {
            return Err(Unlisted::Leaving(self.status));
        }
        Ok(())
    }

    /// Whether the partner is on the bank's list on a day.
    ///
    /// # Errors
    /// [`Unlisted`] with the reason why not.
    pub fn listed_on(&self, day: NaiveDate) -> Result<(), Unlisted> {
        listing::listed_on(self.status, self.listed, day)
    }
}

impl Listed {
    const fn term(&self) -> Term {
        Term { from: self.from, until: self.until }
    }
}

impl ManifestDocument {
    /// Checks that the values can be meant.
    fn check_values(
        &self,
        place: &Place<'_>,
        programme: &Programme,
        limits: &EventLimits,
    ) -> Result<(), ManifestError> {
        place.term(self.listed.span().start, "listed", self.listed.get_ref().term())?;
        place.late_days(self.events.late_days_max.as_ref(), programme)?;
        place.stacking(&self.stacking, &self.earning)?;
        for rule in &self.earning {
            place.earning(rule, programme, limits)?;
        }
        for discount in &self.discount {
            place.discount_values(discount, limits)?;
        }
        for waiver in &self.fee_waiver {
            place.fee_waiver_values(waiver)?;
        }
        for product in &self.product {
            place.product_values(product, limits)?;
        }
        if let Some(map) = &self.import.payments
            && let Some(what) = map.get_ref().fault()
        {
            return Err(place.error(map.span().start, format!("import.payments: {what}")));
        }
        if let Some(map) = &self.statement
            && let Some(what) = map.get_ref().fault()
        {
            return Err(place.error(map.span().start, format!("statement: {what}")));
        }
        Ok(())
    }

    fn limits(
        &self,
        place: &Place<'_>,
        programme: &Programme,
    ) -> Result<EventLimits, ManifestError> {
        let Some(table) = &self.limits else { return Ok(programme.limits) };
        let lowered = programme.limits.lowered(*table.get_ref());
        lowered.map_err(|what| place.error(table.span().start, what))
    }

    /// Checks how the parts fit each other, which serde cannot.
    fn check(&self, place: &Place<'_>, folder: &str) -> Result<(), ManifestError> {
        if self.id.get_ref().as_str() != folder {
            let what = format!("id: expected {folder:?}, the name of the folder");
            return Err(place.error(self.id.span().start, what));
        }
        if *self.status.get_ref() == Status::Pilot && self.access.get_ref().events_per_day.is_none()
        {
            let what = "status: a partner in pilot needs a cap: access.events_per_day";
            return Err(place.error(self.status.span().start, what));
        }
        place.access(&self.access)?;
        place.versions(&self.earning, "earning")?;
        place.versions(&self.discount, "discount")?;
        place.counting_apart(&self.earning, &self.discount)?;
        place.versions(&self.product, "product")?;
        place.versions(&self.fee_waiver, "fee_waiver")?;
        for discount in &self.discount {
            place.discount(discount)?;
        }
        for product in &self.product {
            place.product(product)?;
        }
        Ok(())
    }
}

fn unspanned<T>(list: Vec<Spanned<T>>) -> Vec<T> {
    list.into_iter().map(Spanned::into_inner).collect()
}
