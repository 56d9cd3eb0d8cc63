use serde::Serialize;
use utoipa::ToSchema;

use super::payment::{LINES_MAX, stands_twice};
use super::reader::FieldReader;
use super::stage::OrderStage;
use crate::ids::{EventId, LineNumber};
use crate::money::{Amount, Asset};

/// Money given back on an earlier payment, in whole or in part.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Refund {
    /// The `id` of the payment's event.
    pub payment: EventId,
    #[serde(flatten)]
    pub step: OrderStage,
    pub currency: Asset,
    /// How much of the payment goes back; above zero.
    pub amount: Amount,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 200)]
    pub reason: Option<String>,
    /// The refunded lines, if the payment has lines. They add up to `amount`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, max_items = 200)]
    pub lines: Vec<RefundLine>,
}

/// The part of a refund that belongs to one line of the payment.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RefundLine {
    pub line: LineNumber,
    /// Above zero.
    pub amount: Amount,
}

impl Refund {
    pub const TYPE: &'static str = "payment.refunded";

    pub(super) fn read(mut data: FieldReader<'_>) -> Option<Self> {
        let payment = data.parsed("payment");
        let step = OrderStage::read(&mut data);
        let currency = data.currency();
        let amount = data.amount("amount", currency);
        if amount.is_some_and(Amount::is_zero) {
            data.fail("amount", "must be more than 0");
        }
        let reason = data.optional_text("reason", 200).map(str::to_owned);
        let lines = data.objects("lines", LINES_MAX, |mut line| {
            let number = line.parsed("line");
            let amount = line.amount("amount", currency);
            if amount.is_some_and(Amount::is_zero) {
                line.fail("amount", "must be more than 0");
            }
            line.finish();
            Some(RefundLine { line: number?, amount: amount? })
        });
        if let Some(amount) = amount
            && !lines.is_empty()
        {
            let mut parts = lines.iter().map(|line| line.amount);
            let sum = parts.try_fold(Amount::zero(amount.asset()), Amount::checked_add);
            if sum != Ok(amount) {
                data.fail("lines", "the lines must add up to amount");
            }
            if stands_twice(lines.iter().map(|line| &line.line)) {
                data.fail("lines", "a line stands twice");
            }
        }
        data.finish();
        Some(Self { payment: payment?, step, currency: currency?, amount: amount?, reason, lines })
    }
}
