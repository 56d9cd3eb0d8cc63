//! `partner.toml`: parsed once, refused whole with file, line and key when anything is wrong.

use std::fmt;
use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::Arc;

use chrono::NaiveDate;
use serde::Deserialize;
use toml::Spanned;

use super::attribution::PartnerStaff;
use super::constraint::SenderConstraint;
use super::earning::{Earning, Stacking};
use super::file_map::FileMap;
use super::form::Form;
use super::key::{PartnerKey, tell_apart};
use super::lead::Band;
use super::lifecycle::{Status, Taken};
use super::programme::Programme;
use super::scheme::{Discount, FeeWaiver, Product, Scheme};
use super::scope::Scope;
use super::terms::Term;
use crate::ids::{PartnerId, RuleId};

/// What a partner is in its customers' day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Supermarket,
    NeighbourhoodShop,
    TravelAgency,
    RenovationFirm,
    RuralCooperative,
    /// The bank itself.
    Bank,
}

/// A partner as its manifest describes it.
#[derive(Clone, Debug)]
pub struct Partner {
    pub id: PartnerId,
    pub name: String,
    pub kind: Kind,
    pub status: Status,
    /// When the partner is on the bank's list (名单制): outside it nothing of it is taken.
    pub listed: Term,
    pub access: Access,
    pub enrolment: Enrolment,
    pub scheme: Scheme,
    pub payments_file: Option<FileMap>,
    /// The page on which a shop without software types its payments in.
    pub form: Option<Form>,
    pub programme: Arc<Programme>,
    /// Whether customers may spend points there.
    pub redemption: bool,
    /// People who work for the partner, whom it cannot refer.
    pub staff: PartnerStaff,
    /// How many days late an event may arrive; `None` is as long as a scheme was in force.
    pub late_days_max: Option<u32>,
}

/// How a partner authenticates and what it may do.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Access {
    pub scopes: Vec<Scope>,
    /// Whether assertions may name the token endpoint's URL as their audience, as RFC 7523 had
    /// it. The default takes our issuer only, as its revision (rfc7523bis) says.
    #[serde(default)]
    pub token_url_as_audience: bool,
    /// Whether what it posts must be signed (RFC 9421), so that it cannot be denied.
    #[serde(default)]
    pub signed_requests: bool,
    /// To what its tokens must be bound, so that who steals one cannot use it.
    pub sender_constrained: Option<SenderConstraint>,
    /// Requests a second that the partner may send on average.
    pub requests_per_second: u32,
    /// Events recorded for the partner in one business day at most, on all gateways together. A
    /// partner in pilot must have it. The count is held from there on to the end of each
    /// transaction: a partner with many events is better without.
    pub events_per_day: Option<NonZeroU32>,
    #[serde(default)]
    pub keys: Vec<PartnerKey>,
}

/// When a member reference becomes a customer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Enrolment {
    /// Only references that the bank gave out are known.
    #[default]
    Linked,
    /// A reference not seen before is enrolled by its first event.
    FirstEvent,
}

/// Why a manifest is refused: `file:line: what`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{file}:{line}: {what}")]
pub struct ManifestError {
    pub file: String,
    pub line: usize,
    pub what: String,
}

/// Why nothing of a partner is taken on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlisted {
    Suspended,
    /// The partner is not connected yet, or has left.
    Stage(Status),
    /// The partner is leaving: it starts nothing new.
    Leaving(Status),
    NotYet {
        from: NaiveDate,
    },
    NoLonger {
        until: NaiveDate,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    id: Spanned<PartnerId>,
    name: String,
    kind: Kind,
    status: Spanned<Status>,
    listed: Listed,
    access: Spanned<Access>,
    #[serde(default)]
    members: Members,
    #[serde(default)]
    events: Events,
    #[serde(default)]
    earning: Vec<Spanned<Earning>>,
    #[serde(default)]
    stacking: Vec<Stacking>,
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
    late_days_max: Option<u32>,
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
    payments: Option<FileMap>,
}

impl Partner {
    /// Reads a manifest. `file` is its name for errors, `folder` the name its id must have,
    /// `programme` what holds for all partners.
    ///
    /// # Errors
    /// [`ManifestError`] with the line of the first thing that is wrong.
    pub fn parse(
        text: &str,
        file: &str,
        folder: &str,
        programme: &Arc<Programme>,
    ) -> Result<Self, ManifestError> {
        let place = Place { text, file };
        let document: Document = toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            place.error(start, error.message())
        })?;
        place.check(&document, folder)?;
        Ok(Self {
            id: document.id.into_inner(),
            name: document.name,
            kind: document.kind,
            status: document.status.into_inner(),
            listed: Term { from: document.listed.from, until: document.listed.until },
            access: document.access.into_inner(),
            enrolment: document.members.enrolment,
            scheme: Scheme {
                earning: unspanned(document.earning),
                stacking: document.stacking,
                discounts: unspanned(document.discount),
                fee_waivers: unspanned(document.fee_waiver),
                products: unspanned(document.product),
            },
            programme: Arc::clone(programme),
            redemption: document.redemption.accepted,
            staff: document.staff,
            payments_file: document.import.payments,
            form: document.form,
            late_days_max: document.events.late_days_max,
        })
    }

    /// Whether so much is taken of the partner on a day.
    ///
    /// # Errors
    /// [`Unlisted`] with the reason it is not.
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
    /// [`Unlisted`] with the reason it is not.
    pub fn listed_on(&self, day: NaiveDate) -> Result<(), Unlisted> {
        match (self.status, self.status.takes()) {
            (Status::Suspended, _) => return Err(Unlisted::Suspended),
            (status, Taken::Nothing) => return Err(Unlisted::Stage(status)),
            (_, Taken::Reads | Taken::Endings | Taken::All) => {}
        }
        if day < self.listed.from {
            return Err(Unlisted::NotYet { from: self.listed.from });
        }
        match self.listed.until {
            Some(until) if until < day => Err(Unlisted::NoLonger { until }),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Unlisted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Suspended => f.write_str("the partner is suspended"),
            Self::Stage(status) => write!(f, "the partner is {status}: nothing is taken of it"),
            Self::Leaving(Status::Frozen) => {
                f.write_str("the partner is frozen: it may end what is open, and start nothing new")
            }
            Self::Leaving(status) => write!(f, "the partner is {status}: it may only read"),
            Self::NotYet { from } => write!(f, "the partner is on the bank's list from {from} on"),
            Self::NoLonger { until } => {
                write!(f, "the partner was on the bank's list until {until}")
            }
        }
    }
}

impl Kind {
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

/// Where in which file, for errors.
pub(super) struct Place<'a> {
    pub text: &'a str,
    pub file: &'a str,
}

impl Place<'_> {
    pub fn error(&self, offset: usize, what: impl Into<String>) -> ManifestError {
        let before = self.text.as_bytes().iter().take(offset);
        let line = before.filter(|byte| **byte == b'\n').count().saturating_add(1);
        ManifestError { file: self.file.to_owned(), line, what: what.into() }
    }

    /// What serde cannot say: how the parts of a manifest must fit each other.
    fn check(&self, document: &Document, folder: &str) -> Result<(), ManifestError> {
        if document.id.get_ref().as_str() != folder {
            let what = format!("id: expected {folder:?}, the name of the folder");
            return Err(self.error(document.id.span().start, what));
        }
        if *document.status.get_ref() == Status::Pilot
            && document.access.get_ref().events_per_day.is_none()
        {
            let what = "status: a partner in pilot needs a cap: access.events_per_day";
            return Err(self.error(document.status.span().start, what));
        }
        self.access(&document.access)?;
        self.versions(&document.earning, "earning", |rule| (&rule.id, rule.version, rule.term()))?;
        self.versions(&document.discount, "discount", |rule| {
            (&rule.id, rule.version, rule.term())
        })?;
        self.versions(&document.product, "product", |rule| (&rule.id, rule.version, rule.term()))?;
        self.versions(&document.fee_waiver, "fee_waiver", |rule| {
            (&rule.id, rule.version, rule.term())
        })?;
        for discount in &document.discount {
            self.steps(discount)?;
        }
        for product in &document.product {
            let qualify = &product.get_ref().qualify;
            if qualify.amount_min.minor() > qualify.amount_max.minor() {
                return Err(self.error(product.span().start, "qualify: amount_min > amount_max"));
            }
            let rises = |pair: &[Band]| matches!(pair, [low, high] if low.up_to.minor() < high.up_to.minor());
            if !product.get_ref().bands.windows(2).all(rises) {
                return Err(self.error(product.span().start, "bands must rise in up_to"));
            }
        }
        Ok(())
    }

    fn access(&self, access: &Spanned<Access>) -> Result<(), ManifestError> {
        let Range { start, .. } = access.span();
        let access = access.get_ref();
        tell_apart(&access.keys)
            .map_err(|what| self.error(start, format!("access.keys: {what}")))?;
        let mut fits = access.keys.iter().map(|key| (key, SenderConstraint::takes(key.algorithm)));
        match fits.find(|(_key, fits)| access.sender_constrained.is_some() && !fits) {
            Some((key, _)) => {
                let kid = &key.kid;
                let what = format!("access.keys: {kid}: RS256 does not go with sender_constrained");
                Err(self.error(start, what))
            }
            None => Ok(()),
        }
    }

    /// Rules of one id: no version twice, and no day with two of them in force.
    fn versions<T>(
        &self,
        rules: &[Spanned<T>],
        table: &str,
        identity: impl Fn(&T) -> (&RuleId, u32, Term),
    ) -> Result<(), ManifestError> {
        for (position, rule) in rules.iter().enumerate() {
            let (id, version, term) = identity(rule.get_ref());
            let fail = |what: String| Err(self.error(rule.span().start, what));
            if term.until.is_some_and(|until| until < term.from) {
                return fail(format!("{table} {id}: until lies before from"));
            }
            for earlier in rules.iter().take(position) {
                let (other_id, other_version, other_term) = identity(earlier.get_ref());
                if id == other_id && version == other_version {
                    return fail(format!("{table} {id}: version {version} stands twice"));
                }
                if id == other_id && term.meets(other_term) {
                    return fail(format!(
                        "{table} {id}: versions {other_version} and {version} are in force on \
                         the same day"
                    ));
                }
            }
        }
        Ok(())
    }

    fn steps(&self, discount: &Spanned<Discount>) -> Result<(), ManifestError> {
        let Range { start, .. } = discount.span();
        let id = &discount.get_ref().id;
        let steps = &discount.get_ref().steps;
        if steps.is_empty() == discount.get_ref().percentage.is_none() {
            let what = format!("discount {id}: expected either steps or a percentage");
            return Err(self.error(start, what));
        }
        if steps.iter().any(|step| step.save.minor() >= step.spend.minor()) {
            return Err(self.error(start, format!("discount {id}: a step saves all that is spent")));
        }
        let rising = steps
            .windows(2)
            .all(|pair| matches!(pair, [low, high] if low.spend.minor() < high.spend.minor()));
        if !rising {
            return Err(self.error(start, format!("discount {id}: steps must rise in spend")));
        }
        Ok(())
    }
}

fn unspanned<T>(list: Vec<Spanned<T>>) -> Vec<T> {
    list.into_iter().map(Spanned::into_inner).collect()
}
