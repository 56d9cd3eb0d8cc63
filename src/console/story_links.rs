//! Where the stories of events and referrals stand, and who may open them.

use uuid::Uuid;

use super::visit::Visit;
use crate::http::access::staff::Role;
use crate::story::StoryId;

/// The address of a story. Keys of events are hashes, so that no number of a partner stands in it.
pub fn path(id: StoryId) -> String {
    match id {
        StoryId::Event(key) => {
            format!("/console/stories/events/{}", Uuid::from_bytes(*key.bytes()))
        }
        StoryId::Referral(id) => format!("/console/stories/referrals/{id}"),
    }
}

/// Whether somebody may read the story of an event: also whoever decides about it.
pub fn may_read(visit: &Visit) -> bool {
    may_read_referrals(visit) || visit.has(Role::Reconcile) || visit.has(Role::Settle)
}

/// Whether somebody may read the story of a referral.
pub fn may_read_referrals(visit: &Visit) -> bool {
    [Role::Read, Role::Privacy, Role::Decide, Role::Manage].into_iter().any(|role| visit.has(role))
}
