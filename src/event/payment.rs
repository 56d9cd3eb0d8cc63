use serde::Serialize;

use super::reader::Reader;
use crate::ids::{EventId, MemberRef, RuleId};
use crate::money::{Amount, Asset};

/// A payment at a partner, with the discount the customer got there.
#[derive(Clone, Debug, Serialize)]
pub struct Payment {
    pub member: MemberRef,
    /// The partner's number of the order, for people and reconciliation.
    pub order: EventId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<EventId>,
    /// The discount scheme under which the discount was given, when it was one agreed on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheme: Option<RuleId>,
    pub currency: Asset,
    /// `gross - discount = paid` holds.
    pub gross: Amount,
    pub discount: Amount,
    pub paid: Amount,
}

impl Payment {
    pub const TYPE: &'static str = "payment.discounted";

    pub(super) fn read(mut data: Reader<'_>) -> Option<Self> {
        let member = data.parsed("member");
        let order = data.parsed("order");
        let store = data.optional_parsed("store");
        let scheme = data.optional_parsed("scheme");
        let currency = data.currency();
        let gross = data.amount("gross", currency);
        let discount = data.amount("discount", currency);
        let paid = data.amount("paid", currency);
        if let (Some(gross), Some(discount), Some(paid)) = (gross, discount, paid)
            && gross.checked_sub(discount) != Ok(paid)
        {
            data.fail("paid", "gross - discount must equal paid");
        }
        data.finish();
        Some(Self {
            member: member?,
            order: order?,
            store,
            scheme,
            currency: currency?,
            gross: gross?,
            discount: discount?,
            paid: paid?,
        })
    }
}
