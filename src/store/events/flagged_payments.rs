//! Payments whose discount or waiver differs from what was agreed. They are recorded, and staff look
//! at them.

use diesel::prelude::*;

use crate::clock::Moment;
use crate::ids::{EventKey, PartnerId};
use crate::store::schema::{events, flagged_payments, transactions};
use crate::store::{Db, LedgerTx, StoreError, types};

/// A flagged payment, and the receipt that says why.
pub struct FlaggedPayment {
    pub key: EventKey,
    pub recorded_at: Moment,
    /// The partner's own id of the event.
    pub receipt: String,
}

#[derive(Insertable)]
#[diesel(table_name = flagged_payments, treat_none_as_default_value = false)]
struct Row<'a> {
    event_id: &'a [u8],
    partner_id: &'a str,
    recorded_at: chrono::NaiveDateTime,
}

pub fn insert(
    tx: &mut LedgerTx<'_>,
    list: &[(EventKey, &PartnerId)],
    recorded_at: Moment,
) -> Result<(), StoreError> {
    for part in list.chunks(crate::store::rows_max(3)) {
        let rows: Vec<Row<'_>> = part
            .iter()
            .map(|(key, partner)| Row {
                event_id: key.bytes(),
                partner_id: partner.as_str(),
                recorded_at: recorded_at.naive(),
            })
            .collect();
        both!(tx.0, db => diesel::insert_into(flagged_payments::table).values(&rows).execute(db))?;
    }
    Ok(())
}

/// The next flagged payments, of one partner or of all, in the order of recording.
pub fn page(
    db: &mut Db,
    partner: Option<&PartnerId>,
    after: Option<(Moment, EventKey)>,
    rows_max: i64,
) -> Result<Vec<FlaggedPayment>, StoreError> {
    let mut query = flagged_payments::table
        .inner_join(events::table.inner_join(transactions::table))
        .select((flagged_payments::event_id, flagged_payments::recorded_at, transactions::receipt))
        .order((flagged_payments::recorded_at, flagged_payments::event_id))
        .limit(rows_max)
        .into_boxed();
    if let Some(partner) = partner {
        query = query.filter(flagged_payments::partner_id.eq(partner.as_str().to_owned()));
    }
    if let Some((at, key)) = after {
        let later = flagged_payments::recorded_at.gt(at.naive());
        let same = flagged_payments::recorded_at.eq(at.naive());
        let next = flagged_payments::event_id.gt(key.bytes().to_vec());
        query = query.filter(later.or(same.and(next)));
    }
    let rows: Vec<(Vec<u8>, chrono::NaiveDateTime, String)> = query.load(db)?;
    rows.into_iter()
        .map(|(key, at, receipt)| {
            let key = EventKey::from_bytes(types::bytes16(&key, "flagged_payments.event_id")?);
            Ok(FlaggedPayment { key, recorded_at: types::moment(at), receipt })
        })
        .collect()
}
