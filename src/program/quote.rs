//! What a till asks before a payment, and what it is promised. The discount of a quote is worked out
//! here by the scheme's rule: no partner can write it.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::decision::{Decision, Occasion, Refusal};
use super::discount;
use super::standing::{QuoteStanding, QuoteState};
use crate::event::{Event, FieldProblem, FingerprintKey, Malformed, Payment, parse_value};
use crate::ids::{CustomerId, MemberKey};
use crate::money::{Amount, Asset};
use crate::partner::Partner;

/// How long a quote is good for: from the till's question to the payment.
const GOOD_FOR: TimeDelta = TimeDelta::minutes(30);

/// Fields of a payment that a question about one does not have: the answer says what the first two
/// are, and the others belong to a payment that is made.
const NOT_ASKED: [&str; 5] = ["discount", "paid", "order", "stage", "quote"];

/// The payment that a till asks about, with the discount that its scheme allows. `data` is the
/// `data` of a payment without the fields that only a payment has.
///
/// # Errors
/// [`Malformed`] with every field that is wrong; `/discount`, for one, is an unknown field.
pub fn as_payment(
    mut data: Value,
    partner: &Partner,
    occasion: Occasion,
) -> Result<Event, Malformed> {
    if let Value::Object(fields) = &data {
        let unknown = NOT_ASKED.iter().filter(|name| fields.contains_key(**name));
        let problems: Vec<FieldProblem> = unknown
            .map(|name| FieldProblem {
                pointer: format!("/{name}"),
                detail:
                    "unknown field; a quote has member, currency, gross, scheme, store, lines, \
                         instalment, and its answer says the discount"
                        .to_owned(),
            })
            .collect();
        if !problems.is_empty() {
            return Err(Malformed::Fields(problems));
        }
    }
    let gross =
        data.get("gross").and_then(Value::as_str).map(|text| Amount::parse(text, Asset::CNY));
    let scheme = data.get("scheme").and_then(Value::as_str);
    let scheme = scheme.and_then(|scheme| scheme.try_into().ok());
    if let (Some(Ok(gross)), Value::Object(fields)) = (gross, &mut data) {
        let rule = scheme.and_then(|id| partner.scheme.discount_on(&id, occasion.day));
        let discount = rule.map_or(Amount::zero(Asset::CNY), |rule| rule.allowed(gross));
        let paid = gross.checked_sub(discount).unwrap_or(gross);
        fields.insert("discount".to_owned(), Value::String(discount.to_string()));
        fields.insert("paid".to_owned(), Value::String(paid.to_string()));
        fields.insert("order".to_owned(), Value::String("quote".to_owned()));
    }
    let envelope = json!({
        "specversion": "1.0", "id": "quote", "source": "/quotes", "type": Payment::TYPE,
        "time": occasion.effective_at.to_string(), "data": data,
    });
    let key = FingerprintKey::new(b"a quote is not an event");
    let parsed = parse_value(&partner.id, &partner.limits, &envelope, &key);
    parsed.map_err(|malformed| malformed.without("/data"))
}

/// What is promised for the payment that was asked about. A decision with marks is no promise.
///
/// # Errors
/// [`Refusal::Range`] when the bank's part of the discount is out of range.
pub fn promise(
    payment: &Payment,
    partner: &Partner,
    customer: CustomerId,
    decision: &Decision,
    occasion: Occasion,
) -> Result<QuoteStanding, Refusal> {
    let kept = decision.marks.is_empty();
    let scheme = payment.scheme.as_ref().filter(|_| kept && !payment.discount.is_zero());
    let rule = scheme.and_then(|id| partner.scheme.discount_on(id, occasion.day));
    let promised = match rule {
        Some(rule) => {
            let (subsidy, _borne_by_partner) = rule.bank_share.of(payment.discount)?;
            discount::promised(rule, partner, customer, occasion.day, subsidy)
        }
        None => Vec::new(),
    };
    Ok(QuoteStanding {
        partner: partner.id.clone(),
        member: MemberKey::of(&partner.id, &payment.member),
        customer,
        scheme: payment.scheme.clone(),
        gross: payment.gross,
        discount: payment.discount,
        expires_at: occasion.recorded_at.plus(GOOD_FOR),
        state: QuoteState::Open,
        promised,
    })
}
