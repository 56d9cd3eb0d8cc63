//! Sends leads to Tryton, many with each request. What is missing is made; what is older is
//! updated; what is as new as ours is left alone.

use std::collections::HashMap;

use super::Tryton;
use super::opportunity::Opportunity;
use super::party::Party;
use crate::crm::{CrmError, CrmId, Lead};
use crate::ids::ReferralId;

type Outcomes = HashMap<ReferralId, Result<CrmId, CrmError>>;

impl Tryton {
    /// Makes the party and the opportunity of a lead if they are missing, in at most twice the
    /// time-out.
    pub async fn deliver(&self, lead: &Lead) -> Result<CrmId, CrmError> {
        self.within(self.find_or_create(lead)).await
    }

    /// The same for many leads, in at most twice the time-out for all of them; returns an outcome
    /// for each, in their order. A lead that Tryton refuses does not stop the others.
    pub async fn deliver_all(&self, leads: &[Lead]) -> Vec<Result<CrmId, CrmError>> {
        if let [lead] = leads {
            return vec![self.deliver(lead).await];
        }
        let mut done = Outcomes::new();
        let whole = self.within(self.deliver_group(leads, &mut done)).await;
        let rest = whole.err().unwrap_or_else(|| self.ambiguous());
        leads
            .iter()
            .map(|lead| done.remove(&lead.id).unwrap_or_else(|| Err(rest.clone())))
            .collect()
    }

    async fn deliver_group(&self, leads: &[Lead], done: &mut Outcomes) -> Result<(), CrmError> {
        let all: Vec<ReferralId> = leads.iter().map(|lead| lead.id).collect();
        let there = self.find_opportunities(&all).await?;
        for (lead, opportunity) in
            leads.iter().filter_map(|lead| Some((lead, there.get(&lead.id)?)))
        {
            done.insert(lead.id, self.bring_up(lead, opportunity).await);
        }
        let new: Vec<&Lead> = leads.iter().filter(|lead| !there.contains_key(&lead.id)).collect();
        if new.is_empty() {
            return Ok(());
        }
        match self.create_group(&new, done).await {
            // Tryton refuses the whole group because of one lead: each is sent alone, and the bad
            // one says why.
            Err(CrmError::Refused(_)) => {
                for lead in new {
                    done.insert(lead.id, self.find_or_create(lead).await);
                }
                Ok(())
            }
            outcome => outcome,
        }
    }

    async fn create_group(&self, leads: &[&Lead], done: &mut Outcomes) -> Result<(), CrmError> {
        let ids: Vec<ReferralId> = leads.iter().map(|lead| lead.id).collect();
        let there = self.find_parties(&ids).await?;
        let mut parties = HashMap::new();
        for (lead, party) in leads.iter().filter_map(|lead| Some((lead, there.get(&lead.id)?))) {
            self.update_party(party, lead).await?;
            parties.insert(lead.id, party.id);
        }
        let without: Vec<&Lead> =
            leads.iter().copied().filter(|lead| !parties.contains_key(&lead.id)).collect();
        if !without.is_empty() {
            let made = self.create_parties(&without).await?;
            parties.extend(without.iter().map(|lead| lead.id).zip(made));
        }
        let pairs: Vec<(&Lead, i64)> =
            leads.iter().filter_map(|lead| Some((*lead, *parties.get(&lead.id)?))).collect();
        let made = self.create_opportunities(&pairs).await?;
        for ((lead, _party), id) in pairs.into_iter().zip(made) {
            done.insert(lead.id, Ok(CrmId(id.to_string())));
        }
        Ok(())
    }

    async fn find_or_create(&self, lead: &Lead) -> Result<CrmId, CrmError> {
        if let Some(there) = self.find_opportunities(&[lead.id]).await?.get(&lead.id) {
            return self.bring_up(lead, there).await;
        }
        let party = match self.find_parties(&[lead.id]).await?.get(&lead.id) {
            Some(party) => self.updated(party, lead).await?,
            None => match self.create_parties(&[lead]).await {
                Ok(made) => made.first().copied().ok_or_else(|| self.ambiguous())?,
                // An earlier request of ours may have made the party just now: the code is unique.
                Err(CrmError::Refused(why)) => {
                    match self.find_parties(&[lead.id]).await?.get(&lead.id) {
                        Some(party) => self.updated(party, lead).await?,
                        None => return Err(CrmError::Refused(why)),
                    }
                }
                Err(error) => return Err(error),
            },
        };
        let made = self.create_opportunities(&[(lead, party)]).await?;
        made.first().map(|id| CrmId(id.to_string())).ok_or_else(|| self.ambiguous())
    }

    async fn updated(&self, party: &Party, lead: &Lead) -> Result<i64, CrmError> {
        self.update_party(party, lead).await?;
        Ok(party.id)
    }

    /// Brings what exists to the lead's revision, unless it has a later one. The party comes first:
    /// its mechanisms carry their own revision, and only the comment says that all is done.
    async fn bring_up(&self, lead: &Lead, there: &Opportunity) -> Result<CrmId, CrmError> {
        // Staff have closed the opportunity: it is theirs.
        if there.is_open() && there.revision() < lead.revision {
            if let Some(party) = self.find_parties(&[lead.id]).await?.get(&lead.id) {
                self.update_party(party, lead).await?;
            }
            self.update_opportunity(there, lead).await?;
        }
        Ok(there.crm_id())
    }
}
