use serde::Serialize;
use utoipa::ToSchema;

use super::reader::FieldReader;
use crate::ids::{LineNumber, MemberRef, OrderNumber, QuoteId, RuleId, StageName, StoreName};
use crate::money::{Amount, Asset};

/// A payment at a partner, with the discount the customer got there.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Payment {
    pub member: MemberRef,
    /// The partner's number of the order, for people and reconciliation.
    pub order: OrderNumber,
    /// Which of the order's payments this is, if the order has at most one of each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<StageName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<StoreName>,
    /// The agreed discount scheme under which the discount was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheme: Option<RuleId>,
    /// The quote that the till got before the payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quote: Option<QuoteId>,
    pub currency: Asset,
    /// `gross - discount = paid` holds.
    pub gross: Amount,
    pub discount: Amount,
    pub paid: Amount,
    /// Present if the customer pays by instalments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instalment: Option<Instalment>,
    /// What was bought, if the partner says. The lines add up to `paid`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, max_items = 200)]
    pub lines: Vec<Line>,
}

/// Payment by instalments, and how much of its fee was waived.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Instalment {
    #[schema(minimum = 1, maximum = 120)]
    pub periods: u32,
    pub fee: Amount,
    /// At most the fee.
    pub waived: Amount,
    /// The agreed fee waiver, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheme: Option<RuleId>,
}

/// One line of a payment.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = PaymentLine)]
pub struct Line {
    /// The partner's own number of the line, once in a payment.
    pub line: LineNumber,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 64)]
    pub category: Option<String>,
    pub paid: Amount,
}

/// The most lines of one payment.
pub(super) const LINES_MAX: usize = 200;

pub(super) fn stands_twice<'a>(lines: impl Iterator<Item = &'a LineNumber>) -> bool {
    let mut names: Vec<&str> = lines.map(LineNumber::as_str).collect();
    names.sort_unstable();
    names.windows(2).any(|pair| matches!(pair, [one, other] if one == other))
}

impl Instalment {
    fn read(mut data: FieldReader<'_>, currency: Option<Asset>) -> Option<Self> {
        let periods = data.count("periods", 1..=120);
        let fee = data.amount("fee", currency);
        let waived = data.amount("waived", currency);
        let scheme = data.optional_parsed("scheme");
        if let (Some(fee), Some(waived)) = (fee, waived)
            && waived.minor() > fee.minor()
        {
            data.fail("waived", "must not be more than the fee");
        }
        data.finish();
        Some(Self { periods: periods?, fee: fee?, waived: waived?, scheme })
    }
}

impl Line {
    fn read(mut data: FieldReader<'_>, currency: Option<Asset>) -> Option<Self> {
        let line = data.parsed("line");
        let category = data.optional_text("category", 64).map(str::to_owned);
        let paid = data.amount("paid", currency);
        data.finish();
        Some(Self { line: line?, category, paid: paid? })
    }
}

impl Payment {
    pub const TYPE: &'static str = "payment.discounted";

    pub(super) fn read(mut data: FieldReader<'_>) -> Option<Self> {
        let member = data.parsed("member");
        let order = data.parsed("order");
        let stage = data.optional_parsed("stage");
        let store = data.optional_parsed("store");
        let scheme = data.optional_parsed("scheme");
        let quote = data.optional_parsed("quote");
        let currency = data.currency();
        let gross = data.amount("gross", currency);
        let discount = data.amount("discount", currency);
        let paid = data.amount("paid", currency);
        if let (Some(gross), Some(discount), Some(paid)) = (gross, discount, paid)
            && gross.checked_sub(discount) != Ok(paid)
        {
            data.fail("paid", "gross - discount must equal paid");
        }
        let lines = data.objects("lines", LINES_MAX, |line| Line::read(line, currency));
        if let Some(paid) = paid
            && !lines.is_empty()
        {
            let mut sums = lines.iter().map(|line| line.paid);
            let sum = sums.try_fold(Amount::zero(paid.asset()), Amount::checked_add);
            if sum != Ok(paid) {
                data.fail("lines", "what is paid for the lines must add up to paid");
            }
            if stands_twice(lines.iter().map(|line| &line.line)) {
                data.fail("lines", "a line stands twice");
            }
        }
        let named = data.optional("instalment").is_some();
        let instalment =
            data.object("instalment").and_then(|data| Instalment::read(data, currency));
        data.finish();
        (instalment.is_some() == named).then_some(())?;
        Some(Self {
            member: member?,
            order: order?,
            stage,
            store,
            scheme,
            quote,
            currency: currency?,
            gross: gross?,
            discount: discount?,
            paid: paid?,
            instalment,
            lines,
        })
    }
}
