//! Quotes that tills got before a payment.

use std::collections::HashMap;

use diesel::prelude::*;

use crate::clock::Moment;
use crate::ids::{PartnerId, QuoteId, RuleId};
use crate::money::{Amount, Asset};
use crate::program::QuoteStanding;
use crate::store::schema::quotes;
use crate::store::{Db, LedgerTx, StoreError, types};

#[derive(Insertable)]
#[diesel(table_name = quotes, treat_none_as_default_value = false)]
struct Row<'a> {
    id: &'a [u8],
    partner_id: &'a str,
    scheme: Option<&'a str>,
    gross: i64,
    discount: i64,
    expires_at: chrono::NaiveDateTime,
}

/// Stores a quote, and deletes quotes that ended before `swept`.
pub fn insert(
    tx: &mut LedgerTx<'_>,
    id: QuoteId,
    quote: &QuoteStanding,
    swept: Moment,
) -> Result<(), StoreError> {
    diesel::delete(quotes::table.filter(quotes::expires_at.lt(swept.naive()))).execute(tx.0)?;
    let row = Row {
        id: id.bytes(),
        partner_id: quote.partner.as_str(),
        scheme: quote.scheme.as_ref().map(RuleId::as_str),
        gross: quote.gross.minor(),
        discount: quote.discount.minor(),
        expires_at: quote.expires_at.naive(),
    };
    both!(tx.0, db => diesel::insert_into(quotes::table).values(&row).execute(db))?;
    Ok(())
}

type QuoteRow = (Vec<u8>, String, Option<String>, i64, i64, chrono::NaiveDateTime);

/// Reads quotes by id; unknown ids are left out.
pub fn load(db: &mut Db, ids: &[QuoteId]) -> Result<HashMap<QuoteId, QuoteStanding>, StoreError> {
    let ids: Vec<&[u8]> = ids.iter().map(|id| id.bytes().as_slice()).collect();
    let rows: Vec<QuoteRow> = both!(db, db => quotes::table
        .filter(quotes::id.eq_any(&ids))
        .select((
            quotes::id,
            quotes::partner_id,
            quotes::scheme,
            quotes::gross,
            quotes::discount,
            quotes::expires_at,
        ))
        .load(db))?;
    rows.into_iter()
        .map(|(id, partner, scheme, gross, discount, expires_at)| {
            let id = QuoteId::from_uuid(types::uuid(&id, "quotes.id")?);
            let scheme = scheme.map(RuleId::try_from).transpose();
            let quote = QuoteStanding {
                partner: PartnerId::try_from(partner)
                    .map_err(|_invalid| StoreError::Corrupt("quotes.partner_id"))?,
                scheme: scheme.map_err(|_invalid| StoreError::Corrupt("quotes.scheme"))?,
                gross: Amount::from_minor(gross, Asset::CNY),
                discount: Amount::from_minor(discount, Asset::CNY),
                expires_at: types::moment(expires_at),
            };
            Ok((id, quote))
        })
        .collect()
}
