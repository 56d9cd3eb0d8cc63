//! Commissions whose reservation is over: from then on they may be paid.

use super::draft::{About, Draft, Drafts};
use super::error::{RecordError, WriteError};
use super::work::Work;
use super::{Weight, Writer};
use crate::clock::Moment;
use crate::ids::ReferralId;
use crate::ledger::TransactionKind;
use crate::program::reward::{self, RewardReceiver};
use crate::store::{freezes, referral_confirmations, referral_moves, referral_rewards, referrals};

impl Writer {
    /// Records which commissions of these referrals may be paid at a time; returns the number of
    /// transactions of the ledger.
    pub async fn mature_commissions(
        &self,
        referrals: Vec<ReferralId>,
        at: Moment,
    ) -> Result<usize, WriteError> {
        self.run_in(None, Weight::Chore, move |work| work.mature_commissions(&referrals, at)).await
    }
}

impl Work<'_> {
    /// Returns the number of transactions of the ledger; none when another gateway was first.
    fn mature_commissions(
        &mut self,
        referrals: &[ReferralId],
        at: Moment,
    ) -> Result<usize, RecordError> {
        let (now, tx) = (self.now, &mut self.tx);
        let mut ids = referrals.to_vec();
        ids.sort_unstable();
        let (mut drafts, mut matured) = (Drafts::default(), Vec::new());
        for id in ids {
            let Some(record) = referrals::lock(tx, id)? else { continue };
            let is_met =
                referral_moves::of(tx.db(), id)?.iter().any(|passed| passed.state.is_met());
            if !is_met && referral_confirmations::of(tx.db(), id)?.is_none() {
                continue;
            }
            if freezes::is_frozen_throughout(tx, &record.partner)? {
                // It stays under reservation while its partner is frozen.
                continue;
            }
            for given in referral_rewards::standing(tx.db(), id)? {
                let pending = matches!(given.to, RewardReceiver::Partner { pending: true });
                if pending && given.matures_at.is_some_and(|matures_at| matures_at <= at) {
                    let decision = reward::mature(&record.partner, given.amount)?;
                    let about =
                        About { id, state: record.state, reason: "The reservation is over." };
                    let kind = TransactionKind::CommissionMatured;
                    drafts.push(Draft::of_move(kind, decision, about, now)?);
                    matured.push((id, given.number));
                }
            }
        }
        drafts.write(tx, now)?;
        for (id, number) in matured {
            if !referral_rewards::mature(tx, id, number)? {
                return Err(RecordError::Raced);
            }
        }
        Ok(drafts.len())
    }
}
