//! What the CRM says of a partner's referrals, held against the commissions that the partner gets for them.

use super::refusal::ReconcileRefusal;
use crate::ids::{PartnerId, ReferralId};
use crate::money::{Amount, Asset};
use crate::partner::reward::{Gift, RewardStage};
use crate::referral::{Actor, ReferralState};
use crate::store::referral_moves::MoveRecord;
use crate::store::referrals::{Filter, ReferralRecord};
use crate::store::{Db, referral_moves, referral_rewards, referrals};

/// How a commission and the CRM do not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrmDifference {
    /// A commission is given, and the CRM has not said that the person was talked to.
    CommissionWithoutResult,
    /// The CRM says that the person has the product, and the commission that was promised is not there.
    ResultWithoutCommission,
}

/// A referral of which the CRM and our books do not say the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrmDiffering {
    pub referral: ReferralId,
    pub state: ReferralState,
    pub difference: CrmDifference,
    /// What the partner was given for it.
    pub commission: Amount,
    /// The furthest that the CRM has said.
    pub crm_says: Option<ReferralState>,
}

/// The referrals of a page that differ, and where the next page begins.
pub struct CrmPage {
    pub differing: Vec<CrmDiffering>,
    pub next: Option<ReferralId>,
}

/// Looks at a page of a partner's referrals, the oldest first, and returns those that differ.
///
/// # Errors
/// The store's.
pub fn page(
    db: &mut Db,
    partner: &PartnerId,
    after: Option<ReferralId>,
    rows_max: i64,
) -> Result<CrmPage, ReconcileRefusal> {
    let filter = Filter { partner: Some(partner.clone()), state: None, after };
    let found = referrals::page(db, &filter, rows_max)?;
    let whole = i64::try_from(found.len()).is_ok_and(|count| count == rows_max);
    let next = found.last().map(|last| last.id).filter(|_last| whole);
    let mut differing = Vec::new();
    for referral in found {
        differing.extend(compare(db, &referral)?);
    }
    Ok(CrmPage { differing, next })
}

fn compare(
    db: &mut Db,
    referral: &ReferralRecord,
) -> Result<Option<CrmDiffering>, ReconcileRefusal> {
    let commissions = referral_rewards::commissions(db, referral.id)?;
    let mut given = Amount::zero(Asset::CNY);
    for commission in commissions.iter().filter(|it| it.state == "given") {
        given = given.checked_add(commission.amount)?;
    }
    let stands = commissions.iter().any(|it| it.state != "clawed_back");
    let moves = referral_moves::of(db, referral.id)?;
    let crm_says = furthest(&moves);
    let has_ended = referral.state == ReferralState::ClawedBack;
    let difference = match crm_says {
        None if given.minor() > 0 => Some(CrmDifference::CommissionWithoutResult),
        Some(ReferralState::Converted) if !stands && promises(referral) && !has_ended => {
            Some(CrmDifference::ResultWithoutCommission)
        }
        Some(_) | None => None,
    };
    Ok(difference.map(|difference| CrmDiffering {
        referral: referral.id,
        state: referral.state,
        difference,
        commission: given,
        crm_says,
    }))
}

/// The furthest state to which the CRM itself has moved it, that somebody was talked to at least.
fn furthest(moves: &[MoveRecord]) -> Option<ReferralState> {
    let crm = Actor::Crm(String::new()).kind();
    let of_crm = moves.iter().filter(|it| it.actor_kind == crm);
    let results = of_crm.map(|it| it.state).filter(|state| {
        matches!(
            state,
            ReferralState::Contacted | ReferralState::Converted | ReferralState::Rewarded
        )
    });
    results.max().map(|state| state.min(ReferralState::Converted))
}

/// Whether a commission was promised for the product itself.
fn promises(referral: &ReferralRecord) -> bool {
    let terms = referral.terms.as_ref();
    terms.is_some_and(|terms| {
        let of = |gift: &Gift| matches!(gift, Gift::Partner { .. });
        terms.rewards.iter().any(|it| it.on == RewardStage::Converted && of(&it.gift))
    })
}

impl CrmDifference {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CommissionWithoutResult => "COMMISSION_WITHOUT_RESULT",
            Self::ResultWithoutCommission => "RESULT_WITHOUT_COMMISSION",
        }
    }

    #[must_use]
    pub const fn says(self) -> &'static str {
        match self {
            Self::CommissionWithoutResult => {
                "A commission is given, and the CRM has not said that the person was talked to."
            }
            Self::ResultWithoutCommission => {
                "The CRM says that the person has the product, and no commission is there."
            }
        }
    }

    #[must_use]
    pub const fn says_zh(self) -> &'static str {
        match self {
            Self::CommissionWithoutResult => "已计佣金，但客户关系系统没有联系记录。",
            Self::ResultWithoutCommission => "客户关系系统显示已成交，但没有计佣金。",
        }
    }
}
