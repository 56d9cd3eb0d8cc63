//! Referrals about a person's own phone number, for which the bank's identity provider vouches.

use serde::Serialize;
use utoipa::ToSchema;

use super::PersonalKeys;
use super::refusal::CustomerRefusal;
use crate::clock::Moment;
use crate::ids::{PartnerId, ReferralId};
use crate::partner::Registry;
use crate::store::referrals::ReferralRecord;
use crate::store::{Db, StoreError, personal, referral_confirmations, referrals};
use crate::writer::{PersonConfirmed, PersonsWord, Writer};

/// Maximum number of referrals in a list.
const LISTED_MAX: i64 = 100;

/// A referral, as its person sees it.
#[derive(Serialize, ToSchema)]
pub struct OwnReferral {
    pub referral: ReferralId,
    /// Who introduced the person to the bank.
    pub partner: PartnerId,
    pub partner_name: String,
    pub product: String,
    pub introduced_at: Moment,
    /// When the person said that it is true.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub confirmed_at: Option<Moment>,
}

#[derive(Serialize, ToSchema)]
pub struct OwnReferrals {
    pub referrals: Vec<OwnReferral>,
}

/// Whose referrals they are: somebody with that phone number, if the token of the bank says one.
#[derive(Clone, Debug)]
pub struct PhoneOwner(pub Option<String>);

/// What numbers are looked up by, and what partners are called.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    pub keys: &'a PersonalKeys,
    pub registry: &'a Registry,
}

impl PhoneOwner {
    fn indexes(&self, keys: &PersonalKeys) -> Vec<[u8; 32]> {
        self.0.as_deref().map(|phone| keys.phone_indexes(phone)).unwrap_or_default()
    }
}

impl OwnReferral {
    fn new(record: ReferralRecord, confirmed_at: Option<Moment>, registry: &Registry) -> Self {
        let known = registry.get(&record.partner);
        Self {
            referral: record.id,
            partner_name: known.map_or_else(|| record.partner.to_string(), |it| it.name.clone()),
            partner: record.partner,
            product: record.product,
            introduced_at: record.recorded_at,
            confirmed_at,
        }
    }
}

/// The leads about the phone number that are not closed, the oldest first.
///
/// # Errors
/// The store's.
pub fn read(who: &PhoneOwner, db: &mut Db, place: Place<'_>) -> Result<OwnReferrals, StoreError> {
    let Place { keys, registry } = place;
    let indexes = who.indexes(keys);
    let mut found = Vec::new();
    if !indexes.is_empty() {
        for id in personal::by_phone(db, &indexes, LISTED_MAX)? {
            let Some(record) = referrals::get(db, id)? else { continue };
            if record.state.is_lead() {
                let confirmed_at = referral_confirmations::of(db, id)?;
                found.push(OwnReferral::new(record, confirmed_at, registry));
            }
        }
    }
    Ok(OwnReferrals { referrals: found })
}

/// The person says that a referral is true.
///
/// # Errors
/// [`CustomerRefusal::NotFound`] for a referral of nobody with this phone number, and
/// [`CustomerRefusal::ReferralClosed`] when it has ended, was looked at by nobody yet, or the bank has
/// talked to the person.
pub async fn confirm(
    who: &PhoneOwner,
    writer: &Writer,
    referral: ReferralId,
    place: Place<'_>,
) -> Result<OwnReferral, CustomerRefusal> {
    let Place { keys, registry } = place;
    let phone_indexes = who.indexes(keys);
    match writer.confirm_referral(PersonsWord { referral, phone_indexes }).await? {
        PersonConfirmed::Done(record, at) | PersonConfirmed::Replayed(record, at) => {
            Ok(OwnReferral::new(record, Some(at), registry))
        }
        PersonConfirmed::Unknown => Err(CustomerRefusal::NotFound),
        PersonConfirmed::Closed(state) => {
            Err(CustomerRefusal::ReferralClosed { state: state.name() })
        }
    }
}
