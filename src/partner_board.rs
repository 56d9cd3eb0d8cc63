//! How a partner stands, for the people who look after partners: how much of its limits is used, what of
//! it is held, whether it is frozen, how its files came, and how its manifest changed. Only reads.

use chrono::TimeDelta;
use chrono_tz::Tz;

use crate::clock::Moment;
use crate::ids::{ExposureKey, PartnerId, RuleId};
use crate::money::Amount;
use crate::partner::Partner;
use crate::partner::exposure::{ExposedParty, ExposureMeasure, ExposurePeriod};
use crate::program::{Occasion, exposure_buckets};
use crate::reconcile::break_record::BreakFilter;
use crate::reconcile::proposal::BreakState;
use crate::store::freezes::Freeze;
use crate::store::imports::Import;
use crate::store::partners::Change;
use crate::store::waiting_events::Waiting;
use crate::store::{
    Db, StoreError, breaks, conformance, exposures, freezes, imports, partners, waiting_events,
};

/// A figure of a partner in the present period, and its limit.
pub struct LimitFigure {
    pub limit: RuleId,
    pub of: ExposedParty,
    pub measure: ExposureMeasure,
    pub per: ExposurePeriod,
    /// Such as `2026-11`, in the programme's time zone.
    pub period: String,
    pub figure: Amount,
    pub max: Amount,
}

/// How one partner stands.
pub struct PartnerStanding {
    pub figures: Vec<LimitFigure>,
    /// By which rules events of it wait for staff.
    pub waiting: Vec<Waiting>,
    pub freeze: Option<Freeze>,
    /// Open breaks, counted up to [`COUNTED_MAX`].
    pub breaks: usize,
    /// Whether it passed its last run of the conformance kit in the last 90 days; `None` for no run.
    pub conformance: Option<bool>,
    /// Its last files, the newest first.
    pub files: Vec<Import>,
    /// The last changes of its manifest, the newest first.
    pub changes: Vec<Change>,
}

/// What stands beside a partner in the list of all.
pub struct PartnerMark {
    pub partner: PartnerId,
    /// Events of it that are held.
    pub held: i64,
    pub is_frozen: bool,
}

/// Things of one kind that are counted.
pub const COUNTED_MAX: usize = 99;
/// Pairs of partner and rule, and events of one.
const WAITING_MAX: usize = 1_000;
const EVENTS_MAX: i64 = 1_000;
const FILES_SHOWN: i64 = 8;
const CHANGES_SHOWN: i64 = 20;
const CONFORMANCE_DAYS: i64 = 90;

/// How much of its limits a partner has used: those that count for all of its events.
///
/// # Errors
/// The store's.
pub fn figures(
    db: &mut Db,
    partner: &Partner,
    zone: Tz,
    now: Moment,
) -> Result<Vec<LimitFigure>, StoreError> {
    let occasion = Occasion::new(now, now, zone);
    let buckets: Vec<_> = exposure_buckets(partner, None, occasion).collect();
    let keys: Vec<ExposureKey> = buckets.iter().map(|(_limit, bucket)| bucket.key).collect();
    let known = exposures::figures(db, &partner.id, &keys)?;
    let figure = buckets.into_iter().map(|(limit, bucket)| {
        let minor = known.iter().find(|(key, _figure)| *key == bucket.key);
        let minor = minor.map_or(0, |(_key, figure)| *figure);
        LimitFigure {
            limit: limit.id.clone(),
            of: limit.of,
            measure: limit.measure,
            per: limit.per,
            period: bucket.period,
            figure: Amount::from_minor(minor, limit.max.asset()),
            max: limit.max,
        }
    });
    Ok(figure.collect())
}

/// What stands beside each partner that has something held or is frozen.
///
/// # Errors
/// The store's.
pub fn marks(db: &mut Db) -> Result<Vec<PartnerMark>, StoreError> {
    let mut marks: Vec<PartnerMark> = Vec::new();
    for it in waiting_events::waiting(db, WAITING_MAX, EVENTS_MAX)? {
        let Ok(id) = PartnerId::try_from(it.partner) else { continue };
        match marks.iter_mut().find(|mark| mark.partner == id) {
            Some(mark) => mark.held = mark.held.saturating_add(it.events),
            None => marks.push(PartnerMark { partner: id, held: it.events, is_frozen: false }),
        }
    }
    for it in freezes::in_force(db, None)? {
        match marks.iter_mut().find(|mark| mark.partner == it.partner) {
            Some(mark) => mark.is_frozen = true,
            None => {
                marks.push(PartnerMark { partner: it.partner, held: 0, is_frozen: true });
            }
        }
    }
    Ok(marks)
}

/// All of one partner.
///
/// # Errors
/// The store's.
pub fn standing(
    db: &mut Db,
    partner: &Partner,
    zone: Tz,
    now: Moment,
) -> Result<PartnerStanding, StoreError> {
    let waiting = waiting_events::waiting(db, WAITING_MAX, EVENTS_MAX)?;
    let own = |it: &Waiting| it.partner == partner.id.as_str();
    let filter = BreakFilter {
        state: BreakState::Open,
        partner: Some(partner.id.clone()),
        period: None,
        code: None,
    };
    let counted = i64::try_from(COUNTED_MAX).unwrap_or(i64::MAX).saturating_add(1);
    let file = format!("{}/partner.toml", partner.id);
    Ok(PartnerStanding {
        figures: figures(db, partner, zone, now)?,
        waiting: waiting.into_iter().filter(own).collect(),
        freeze: freezes::of(db, &partner.id)?,
        breaks: breaks::page(db, &filter, None, counted)?.len(),
        conformance: conformance::last_since(
            db,
            &partner.id,
            now.minus(TimeDelta::days(CONFORMANCE_DAYS)),
        )?,
        files: imports::page(db, &partner.id, None, FILES_SHOWN)?,
        changes: partners::newest(db, &file, CHANGES_SHOWN)?,
    })
}
