//! What a partner may cost the bank before people say yes: limits on what events bring, by partner,
//! customer or form, and how late an event may come. The programme has them, and a manifest lowers
//! them, or raises them as far as the programme's ceiling.

use chrono::{Datelike, NaiveDateTime, Timelike};
use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::pattern;
use crate::ids::RuleId;
use crate::money::{Amount, Asset};
use crate::partner::form::Form;
use crate::partner::place::{ManifestError, Place};

/// One limit. What would go beyond it is held.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "WrittenLimit")]
pub struct ExposureLimit {
    pub id: RuleId,
    pub of: ExposedParty,
    pub measure: ExposureMeasure,
    pub per: ExposurePeriod,
    pub by: ExposureDay,
    pub max: Amount,
    /// The most that a manifest may make of it.
    pub ceiling: Amount,
}

/// Who the events are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ExposedParty {
    /// All events of a partner.
    Partner,
    /// Those of a partner for one customer.
    Customer,
    /// All events of a partner whose shop types payments in with a PIN.
    Form,
}

/// What is counted of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ExposureMeasure {
    /// Points issued, whoever bears them.
    Points,
    /// The bank's part of discounts and of fees that are waived.
    Subsidy,
    /// Commission, under reservation or not.
    Commission,
    /// What the partner is owed for points redeemed there.
    Redemption,
    /// All of these in CNY, points at the price of redemption: what the bank loses if everything
    /// that the partner said is false.
    Total,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ExposurePeriod {
    Hour,
    Day,
    Month,
}

/// By which date an event counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ExposureDay {
    /// When the gateway recorded it: no partner can choose that.
    #[default]
    Recorded,
    /// When it happened, as the partner says.
    Happened,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenLimit {
    id: RuleId,
    of: ExposedParty,
    measure: ExposureMeasure,
    per: ExposurePeriod,
    #[serde(default)]
    by: ExposureDay,
    max: String,
    ceiling: Option<String>,
}

/// What a manifest makes of a limit.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnLimit {
    id: RuleId,
    max: String,
}

/// How late events may come. The table `[events]` of the programme.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lateness {
    /// Days, where a manifest says nothing. Later events are held.
    pub late_days_max: u32,
    /// The most that a manifest may say.
    pub late_days_ceiling: u32,
}

impl Default for Lateness {
    fn default() -> Self {
        Self { late_days_max: 7, late_days_ceiling: 60 }
    }
}

impl Lateness {
    /// What is wrong, if anything is.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        let beyond = self.late_days_max > self.late_days_ceiling || self.late_days_ceiling > 3_660;
        beyond.then(|| {
            "events: expected late_days_max up to late_days_ceiling, and that up to 3660".to_owned()
        })
    }
}

impl TryFrom<WrittenLimit> for ExposureLimit {
    type Error = String;

    fn try_from(written: WrittenLimit) -> Result<Self, String> {
        let WrittenLimit { id, of, measure, per, by, max, ceiling } = written;
        let max = measure.amount(&max)?;
        let ceiling = ceiling.as_deref().map(|text| measure.amount(text)).transpose()?;
        let ceiling = ceiling.unwrap_or(max);
        if ceiling.minor() < max.minor() {
            return Err(format!("{id}: the ceiling lies below max"));
        }
        Ok(Self { id, of, measure, per, by, max, ceiling })
    }
}

impl ExposureMeasure {
    pub const ALL: [Self; 5] =
        [Self::Points, Self::Subsidy, Self::Commission, Self::Redemption, Self::Total];

    /// Points, or money.
    #[must_use]
    pub const fn asset(self) -> Asset {
        match self {
            Self::Points => Asset::PTS,
            Self::Subsidy | Self::Commission | Self::Redemption | Self::Total => Asset::CNY,
        }
    }

    fn amount(self, text: &str) -> Result<Amount, String> {
        let amount = Amount::parse(text, self.asset()).map_err(|error| error.to_string())?;
        if amount.is_negative() { Err("expected 0 or more".to_owned()) } else { Ok(amount) }
    }

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Points => "points issued",
            Self::Subsidy => "subsidy",
            Self::Commission => "commission",
            Self::Redemption => "redemption owed",
            Self::Total => "exposure in all",
        }
    }

    #[must_use]
    pub const fn name_zh(self) -> &'static str {
        match self {
            Self::Points => "发放积分",
            Self::Subsidy => "优惠补贴",
            Self::Commission => "推荐佣金",
            Self::Redemption => "应付兑换款",
            Self::Total => "风险敞口合计",
        }
    }
}

impl ExposurePeriod {
    /// The period in which a local time lies, such as `2026-11`, `2026-11-27` or `2026-11-27 06`.
    #[must_use]
    pub fn of(self, local: NaiveDateTime) -> String {
        let (year, month, day, hour) = (local.year(), local.month(), local.day(), local.hour());
        match self {
            Self::Hour => format!("{year:04}-{month:02}-{day:02} {hour:02}"),
            Self::Day => format!("{year:04}-{month:02}-{day:02}"),
            Self::Month => format!("{year:04}-{month:02}"),
        }
    }

    /// The present one, within a sentence.
    #[must_use]
    pub const fn this(self) -> &'static str {
        match self {
            Self::Hour => "of this hour",
            Self::Day => "of this day",
            Self::Month => "of this month",
        }
    }

    #[must_use]
    pub const fn this_zh(self) -> &'static str {
        match self {
            Self::Hour => "本小时",
            Self::Day => "当日",
            Self::Month => "当月",
        }
    }

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// With its article, within a sentence.
    #[must_use]
    pub const fn one(self) -> &'static str {
        match self {
            Self::Hour => "an hour",
            Self::Day => "a day",
            Self::Month => "a month",
        }
    }

    #[must_use]
    pub const fn name_zh(self) -> &'static str {
        match self {
            Self::Hour => "每小时",
            Self::Day => "每日",
            Self::Month => "每月",
        }
    }
}

impl ExposedParty {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Partner => "the partner",
            Self::Customer => "one customer",
            Self::Form => "the shop's form",
        }
    }

    #[must_use]
    pub const fn name_zh(self) -> &'static str {
        match self {
            Self::Partner => "合作方",
            Self::Customer => "单个客户",
            Self::Form => "店铺登记页",
        }
    }
}

/// What is missing or wrong in the programme's limits, if anything is. A programme without a bound on
/// each measure would let one partner cost the bank any sum.
#[must_use]
pub fn fault(limits: &[ExposureLimit]) -> Option<String> {
    if pattern::stands_twice(limits.iter().map(|limit| &limit.id)) {
        return Some("exposure: an id stands twice".to_owned());
    }
    let bounds = |of, measure| {
        limits.iter().any(|limit| {
            limit.of == of && limit.measure == measure && limit.by == ExposureDay::Recorded
        })
    };
    for measure in ExposureMeasure::ALL {
        if !bounds(ExposedParty::Partner, measure) {
            let name = measure.name();
            return Some(format!("exposure: no limit of a partner's {name} by day of recording"));
        }
    }
    if !bounds(ExposedParty::Customer, ExposureMeasure::Points) {
        return Some("exposure: no limit of one customer's points".to_owned());
    }
    None
}

/// What a partner lacks that does real business, or is about to: a bound of what it brings. A limit at the
/// end of the range bounds nothing.
#[must_use]
pub fn lacks(limits: &[ExposureLimit], form: Option<&Form>) -> Option<String> {
    let bounds = |of, measure, per: Option<ExposurePeriod>| {
        limits.iter().any(|limit| {
            (limit.of, limit.measure, limit.by) == (of, measure, ExposureDay::Recorded)
                && per.is_none_or(|per| per == limit.per)
                && limit.max.minor() < i64::MAX
        })
    };
    for measure in ExposureMeasure::ALL {
        if !bounds(ExposedParty::Partner, measure, None) {
            return Some(format!("no limit of the partner's {}", measure.name()));
        }
    }
    if !bounds(ExposedParty::Customer, ExposureMeasure::Points, None) {
        return Some("no limit of one customer's points".to_owned());
    }
    let periods = [ExposurePeriod::Hour, ExposurePeriod::Day, ExposurePeriod::Month];
    for per in periods {
        if form.is_some() && !bounds(ExposedParty::Form, ExposureMeasure::Total, Some(per)) {
            return Some(format!("a form, and no limit of its exposure in all by {}", per.name()));
        }
    }
    None
}

/// The limits of a partner: the programme's, with what its manifest says of them.
///
/// # Errors
/// [`ManifestError`] at the entry that names no limit, or goes beyond the ceiling.
pub(in crate::partner) fn own(
    place: &Place<'_>,
    programme: &[ExposureLimit],
    own: &[Spanned<OwnLimit>],
) -> Result<Vec<ExposureLimit>, ManifestError> {
    let mut limits = programme.to_vec();
    for entry in own {
        let OwnLimit { id, max } = entry.get_ref();
        let fail = |what: String| place.error(entry.span().start, format!("exposure {id}: {what}"));
        let limit = limits.iter_mut().find(|limit| limit.id == *id);
        let limit = limit.ok_or_else(|| fail("the programme has no such limit".to_owned()))?;
        let max = limit.measure.amount(max).map_err(fail)?;
        if max.minor() > limit.ceiling.minor() {
            let ceiling = limit.ceiling;
            return Err(fail(format!("more than the programme's ceiling {ceiling}")));
        }
        limit.max = max;
    }
    Ok(limits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partner::programme::Programme;

    fn limit(text: &str) -> Result<ExposureLimit, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_limit_reads_its_amount_in_what_it_measures() {
        let text = "id = \"points-day\"\nof = \"partner\"\nmeasure = \"points\"\nper = \"day\"\n";
        let read = limit(&format!("{text}max = \"5.00\"")).unwrap();
        assert_eq!((read.max.asset(), read.ceiling), (Asset::PTS, read.max));
        assert_eq!(read.by, ExposureDay::Recorded);
        assert!(limit(&format!("{text}max = \"-5.00\"")).is_err());
        let low = limit(&format!("{text}max = \"5.00\"\nceiling = \"4.00\"")).unwrap_err();
        assert!(low.contains("below max"), "{low}");
    }

    #[test]
    fn a_programme_without_a_bound_is_refused() {
        let programme = Programme::default();
        assert_eq!(fault(&programme.exposure), None);
        for left_out in &programme.exposure {
            let others =
                programme.exposure.iter().filter(|limit| limit.measure != left_out.measure);
            assert!(fault(&others.cloned().collect::<Vec<_>>()).is_some(), "{}", left_out.id);
        }
        let mut twice = programme.exposure.clone();
        twice.extend(programme.exposure.first().cloned());
        assert!(fault(&twice).unwrap().contains("twice"));
    }

    #[test]
    fn what_a_live_partner_lacks_is_named() {
        let limits = Programme::default().exposure;
        assert_eq!(lacks(&limits, None), None);
        for left_out in limits.iter().filter(|limit| limit.of == ExposedParty::Partner) {
            let wide = |limit: &ExposureLimit| match limit.measure == left_out.measure {
                true => ExposureLimit { max: Amount::max(limit.max.asset()), ..limit.clone() },
                false => limit.clone(),
            };
            let wide: Vec<ExposureLimit> = limits.iter().map(wide).collect();
            assert!(lacks(&wide, None).unwrap().contains(left_out.measure.name()));
        }
    }

    #[test]
    fn a_manifest_lowers_limits_and_raises_them_to_the_ceiling() {
        #[derive(Deserialize)]
        struct Document {
            exposure: Vec<Spanned<OwnLimit>>,
        }
        let programme = Programme::default();
        let with = |text: &str| {
            let document: Document = toml::from_str(text).unwrap();
            own(&Place { text, file: "partner.toml" }, &programme.exposure, &document.exposure)
        };
        let of = |max: &str| format!("[[exposure]]\nid = \"customer-points-day\"\nmax = \"{max}\"");
        let low = with(&of("1.00")).unwrap();
        assert!(low.iter().any(|limit| limit.max.to_string() == "1.00"));
        let high = with(&of("99999999.00")).unwrap_err().to_string();
        assert!(high.starts_with("partner.toml:1: ") && high.contains("ceiling"), "{high}");
        let unknown = with("[[exposure]]\nid = \"none\"\nmax = \"1.00\"").unwrap_err();
        assert!(unknown.to_string().contains("no such limit"));
    }
}
