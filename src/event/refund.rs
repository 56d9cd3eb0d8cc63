use serde::Serialize;

use super::reader::Reader;
use crate::ids::EventId;
use crate::money::{Amount, Asset};

/// Money given back on an earlier payment, in whole or in part.
#[derive(Clone, Debug, Serialize)]
pub struct Refund {
    /// The `id` of the payment's event.
    pub payment: EventId,
    pub currency: Asset,
    /// How much of what was paid goes back; above zero.
    pub amount: Amount,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Refund {
    pub const TYPE: &'static str = "payment.refunded";

    pub(super) fn read(mut data: Reader<'_>) -> Option<Self> {
        let payment = data.parsed("payment");
        let currency = data.currency();
        let amount = data.amount("amount", currency);
        if amount.is_some_and(Amount::is_zero) {
            data.fail("amount", "must be more than 0");
        }
        let reason = data.optional_text("reason", 200).map(str::to_owned);
        data.finish();
        Some(Self { payment: payment?, currency: currency?, amount: amount?, reason })
    }
}
