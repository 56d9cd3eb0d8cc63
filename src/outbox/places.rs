//! Places for deliveries under way. Each channel has its own, and each partner a share of those for
//! webhooks, so that slow endpoints of some partners keep neither the CRM nor other partners waiting.

use std::collections::HashMap;
use std::sync::Arc;

use crate::ids::PartnerId;
use crate::store::outbox::Channel;

/// Deliveries under way at once, for each channel.
const CHANNEL_MAX: usize = 128;
/// The share of one partner: of the places for webhooks.
const PARTNER_MAX: usize = 8;
/// From here on a partner gets one place only, so that the slow endpoints of any sixteen partners do not
/// fill what the others need.
const CROWDED_FROM: usize = 96;

/// The places that are taken, as clones of one value for each group.
#[derive(Default)]
pub struct Places {
    channels: HashMap<Channel, Arc<()>>,
    partners: HashMap<PartnerId, Arc<()>>,
}

/// A place that is taken until this is dropped.
pub struct Seat {
    _channel: Arc<()>,
    _partner: Option<Arc<()>>,
}

impl Places {
    /// How many more deliveries may begin.
    pub fn free(&self, channel: Channel, partner: Option<&PartnerId>) -> usize {
        let free = CHANNEL_MAX.saturating_sub(taken(self.channels.get(&channel)));
        match partner {
            None => free,
            Some(partner) => {
                let is_crowded = free <= CHANNEL_MAX.saturating_sub(CROWDED_FROM);
                let share = if is_crowded { 1 } else { PARTNER_MAX };
                let before_crowded = CROWDED_FROM.saturating_sub(CHANNEL_MAX.saturating_sub(free));
                let own = share.saturating_sub(taken(self.partners.get(partner)));
                if is_crowded { free.min(own) } else { before_crowded.min(own) }
            }
        }
    }

    /// Whether a channel has no place left.
    pub fn is_full(&self, channel: Channel) -> bool {
        taken(self.channels.get(&channel)) >= CHANNEL_MAX
    }

    pub fn take(&mut self, channel: Channel, partner: Option<&PartnerId>) -> Seat {
        let of_partner =
            |partner: &PartnerId| Arc::clone(self.partners.entry(partner.clone()).or_default());
        Seat {
            _partner: partner.map(of_partner),
            _channel: Arc::clone(self.channels.entry(channel).or_default()),
        }
    }
}

fn taken(group: Option<&Arc<()>>) -> usize {
    group.map_or(0, |group| Arc::strong_count(group).saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_endpoints_of_many_partners_leave_the_crm_and_others_their_places() {
        let mut places = Places::default();
        let mut seats = Vec::new();
        for number in 0..7 {
            let partner = PartnerId::try_from(format!("slow-{number}").as_str()).unwrap();
            while places.free(Channel::Webhook, Some(&partner)) > 0 {
                seats.push(places.take(Channel::Webhook, Some(&partner)));
            }
        }
        assert_eq!(seats.len(), 7 * PARTNER_MAX);
        let honest = PartnerId::try_from("honest").unwrap();
        assert_eq!(places.free(Channel::Webhook, Some(&honest)), PARTNER_MAX);
        assert_eq!(places.free(Channel::Crm, None), CHANNEL_MAX);
        assert!(!places.is_full(Channel::Webhook));
        // Twenty more partners are slow: whoever has nothing under way still gets a place.
        for number in 7..27 {
            let partner = PartnerId::try_from(format!("slow-{number}").as_str()).unwrap();
            while places.free(Channel::Webhook, Some(&partner)) > 0 {
                seats.push(places.take(Channel::Webhook, Some(&partner)));
            }
        }
        assert_eq!(places.free(Channel::Webhook, Some(&honest)), 1);
        drop(seats);
        let slow = PartnerId::try_from("slow-1").unwrap();
        assert_eq!(places.free(Channel::Webhook, Some(&slow)), PARTNER_MAX);
    }
}
