//! The value added tax (增值税) in the lines of a statement: what the partner writes on its invoice (发票).
//! Amounts of the ledger include the tax, so a statement's sums do not depend on it.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Serialize;

use crate::ledger::AccountCode;
use crate::money::{Amount, AmountError, Asset, Rounding};
use crate::partner::tax::{TaxTerms, TaxpayerId, VatRate};

/// The tax in one line. `net` and `vat` sum to the line's amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LineTax {
    pub vat_rate: VatRate,
    pub net: Amount,
    pub vat: Amount,
}

/// The tax of a statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StatementTax {
    pub taxpayer: TaxpayerId,
    /// The sums of the lines of each rate, by rate.
    pub totals: Vec<TaxTotal>,
}

/// What is to be invoiced at one rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct TaxTotal {
    pub vat_rate: VatRate,
    pub gross: Amount,
    pub net: Amount,
    pub vat: Amount,
}

/// The rate in what is owed on an account; nothing where the partner does not invoice it.
#[must_use]
pub fn rate(terms: &TaxTerms, account: AccountCode) -> Option<VatRate> {
    match account {
        AccountCode::SUBSIDY_PAYABLE => terms.subsidy,
        AccountCode::COMMISSION_PAYABLE => terms.commission,
        AccountCode::REDEMPTION_PAYABLE => terms.redemption,
        AccountCode::SETTLEMENT_PAYABLE => terms.settlement,
        _ => None,
    }
}

/// The tax in an amount that includes it, rounded to the fen as people round.
///
/// # Errors
/// [`AmountError::OutOfRange`].
pub fn included(gross: Amount, vat_rate: VatRate) -> Result<LineTax, AmountError> {
    let asset = gross.asset();
    let rate = vat_rate.decimal();
    let vat = Decimal::ONE
        .checked_add(rate)
        .and_then(|divisor| gross.decimal().checked_mul(rate)?.checked_div(divisor))
        .ok_or(AmountError::OutOfRange { asset })?;
    let vat = Amount::round(vat, asset, Rounding::HalfUp)?;
    Ok(LineTax { vat_rate, net: gross.checked_sub(vat)?, vat })
}

/// Sums the lines that have a rate.
///
/// # Errors
/// [`AmountError::OutOfRange`].
pub fn totals(
    terms: &TaxTerms,
    lines: impl Iterator<Item = LineTax>,
) -> Result<StatementTax, AmountError> {
    let zero = Amount::zero(Asset::CNY);
    let mut totals: BTreeMap<VatRate, TaxTotal> = BTreeMap::new();
    for LineTax { vat_rate, net, vat } in lines {
        let total = totals.entry(vat_rate);
        let total = total.or_insert(TaxTotal { vat_rate, gross: zero, net: zero, vat: zero });
        total.net = total.net.checked_add(net)?;
        total.vat = total.vat.checked_add(vat)?;
        total.gross = total.net.checked_add(total.vat)?;
    }
    Ok(StatementTax { taxpayer: terms.taxpayer.clone(), totals: totals.into_values().collect() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(text: &str) -> VatRate {
        serde_json::from_value(text.into()).unwrap()
    }

    #[test]
    fn tax_is_in_the_amount_and_not_on_top_of_it() {
        for (gross, at, net, vat) in [
            ("106.00", "0.06", "100.00", "6.00"),
            ("100.00", "0.06", "94.34", "5.66"),
            ("-100.00", "0.06", "-94.34", "-5.66"),
            ("0.09", "0.06", "0.08", "0.01"),
            ("113.00", "0.13", "100.00", "13.00"),
            ("18.00", "0", "18.00", "0.00"),
        ] {
            let gross = Amount::parse(gross, Asset::CNY).unwrap();
            let tax = included(gross, rate(at)).unwrap();
            assert_eq!((tax.net.to_string().as_str(), tax.vat.to_string().as_str()), (net, vat));
        }
    }

    proptest! {
        #[test]
        fn net_and_tax_are_the_amount_to_the_fen(minor in any::<i64>(), at in 0..10_000_u32) {
            prop_assume!(minor != i64::MIN);
            let gross = Amount::from_minor(minor, Asset::CNY);
            let tax = included(gross, rate(&Decimal::new(i64::from(at), 4).to_string())).unwrap();
            prop_assert_eq!(tax.net.checked_add(tax.vat).unwrap(), gross);
            // Within half a fen of the quotient: |2 (gross × rate − vat × (1 + rate))| ≤ 1 + rate.
            let (rate, one) = (i128::from(at), 10_000_i128);
            let apart = i128::from(minor) * rate - i128::from(tax.vat.minor()) * (one + rate);
            prop_assert!(2 * apart.abs() <= one + rate);
        }
    }
}
