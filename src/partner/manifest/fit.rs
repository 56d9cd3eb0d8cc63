//! How the parts of a manifest must fit each other: what serde cannot say of one value alone.

use std::ops::Range;

use toml::Spanned;

use crate::ids::RuleId;
use crate::partner::access::Access;
use crate::partner::place::{ManifestError, Place};
use crate::partner::proof::constraint::SenderConstraint;
use crate::partner::proof::key::tell_apart;
use crate::partner::rules::earning::Earning;
use crate::partner::rules::lead::Band;
use crate::partner::rules::scheme::{Discount, FeeWaiver, Product};
use crate::partner::rules::terms::Term;

/// What identifies a rule of a manifest, and when it is in force.
pub(super) struct RuleIdentity<'a> {
    id: &'a RuleId,
    version: u32,
    term: Term,
}

/// A rule with an id, a version and a term.
pub(super) trait Versioned {
    fn identity(&self) -> RuleIdentity<'_>;
}

macro_rules! versioned {
    ($($rule:ty),*) => {$(
        impl Versioned for $rule {
            fn identity(&self) -> RuleIdentity<'_> {
                RuleIdentity { id: &self.id, version: self.version, term: self.term() }
            }
        }
    )*};
}

versioned!(Earning, Discount, FeeWaiver, Product);

impl Place<'_> {
    /// Keys that differ from each other, and that go with the binding of tokens.
    pub(super) fn access(&self, access: &Spanned<Access>) -> Result<(), ManifestError> {
        let Range { start, .. } = access.span();
        let access = access.get_ref();
        tell_apart(&access.keys)
            .map_err(|what| self.error(start, format!("access.keys: {what}")))?;
        let mut unfit = access.keys.iter().filter(|key| !SenderConstraint::takes(key.algorithm));
        match unfit.next() {
            Some(key) if access.sender_constrained.is_some() => {
                let kid = &key.kid;
                let what = format!("access.keys: {kid}: RS256 does not go with sender_constrained");
                Err(self.error(start, what))
            }
            _ => Ok(()),
        }
    }

    /// Rules of one id: no version appears twice, and on no day two of them are in force.
    pub(super) fn versions<T: Versioned>(
        &self,
        rules: &[Spanned<T>],
        table: &str,
    ) -> Result<(), ManifestError> {
        for (position, rule) in rules.iter().enumerate() {
            let RuleIdentity { id, version, term } = rule.get_ref().identity();
            let fail = |what: String| Err(self.error(rule.span().start, what));
            self.term(rule.span().start, &format!("{table} {id}"), term)?;
            for earlier in rules.iter().take(position) {
                let other = earlier.get_ref().identity();
                if id == other.id && version == other.version {
                    return fail(format!("{table} {id}: version {version} stands twice"));
                }
                if id == other.id && term.meets(other.term) {
                    return fail(format!(
                        "{table} {id}: versions {} and {version} are in force on the same day",
                        other.version
                    ));
                }
            }
        }
        Ok(())
    }

    /// What a rule gives is counted by its id: an earning rule and a discount of one id would use up the
    /// limits of each other.
    pub(super) fn counting_apart(
        &self,
        earning: &[Spanned<Earning>],
        discounts: &[Spanned<Discount>],
    ) -> Result<(), ManifestError> {
        let counts = |rule: &Earning| !rule.caps.is_empty() || rule.budget.is_some();
        let counting = earning.iter().map(Spanned::get_ref).filter(|rule| counts(rule));
        let ids: Vec<&RuleId> = counting.map(|rule| &rule.id).collect();
        for discount in discounts {
            let Discount { id, limits, budget, .. } = discount.get_ref();
            if ids.contains(&id) && (!limits.is_empty() || budget.is_some()) {
                let what = format!(
                    "discount {id}: an earning rule has this id, and both have limits: name one otherwise"
                );
                return Err(self.error(discount.span().start, what));
            }
        }
        Ok(())
    }

    /// A discount has steps that rise, or a percentage, and never gives all that is spent.
    pub(super) fn discount(&self, discount: &Spanned<Discount>) -> Result<(), ManifestError> {
        let fail = |what: &str| {
            let id = &discount.get_ref().id;
            Err(self.error(discount.span().start, format!("discount {id}: {what}")))
        };
        let steps = &discount.get_ref().steps;
        if steps.is_empty() == discount.get_ref().percentage.is_none() {
            return fail("expected either steps or a percentage");
        }
        let percentage = discount.get_ref().percentage.as_ref();
        if percentage.is_some_and(|percentage| percentage.share.is_all()) {
            return fail("a percentage saves all that is spent: expected a share below 1");
        }
        if steps.iter().any(|step| step.save.minor() >= step.spend.minor()) {
            return fail("a step saves all that is spent");
        }
        let rising = steps
            .windows(2)
            .all(|pair| matches!(pair, [low, high] if low.spend.minor() < high.spend.minor()));
        if !rising {
            return fail("steps must rise in spend");
        }
        Ok(())
    }

    /// A product's range of amounts holds something, and its bands rise.
    pub(super) fn product(&self, product: &Spanned<Product>) -> Result<(), ManifestError> {
        let Range { start, .. } = product.span();
        let product = product.get_ref();
        if product.qualify.amount_min.minor() > product.qualify.amount_max.minor() {
            return Err(self.error(start, "qualify: amount_min > amount_max"));
        }
        let rises =
            |pair: &[Band]| matches!(pair, [low, high] if low.up_to.minor() < high.up_to.minor());
        if !product.bands.windows(2).all(rises) {
            return Err(self.error(start, "bands must rise in up_to"));
        }
        Ok(())
    }
}
