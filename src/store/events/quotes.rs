//! Quotes that tills were given: promises to one member, each kept for one payment.

use std::collections::HashMap;

use diesel::prelude::*;

use crate::clock::Moment;
use crate::ids::{CustomerId, EventKey, MemberKey, PartnerId, QuoteId, RuleId};
use crate::money::{Amount, Asset};
use crate::program::{QuoteStanding, QuoteState};
use crate::store::schema::{customers, quotes};
use crate::store::{Db, LedgerTx, StoreError, counters, types};

#[derive(Insertable)]
#[diesel(table_name = quotes, treat_none_as_default_value = false)]
struct Row<'a> {
    id: &'a [u8],
    partner_id: &'a str,
    scheme: Option<&'a str>,
    gross: i64,
    discount: i64,
    expires_at: chrono::NaiveDateTime,
    member_id: &'a [u8],
    customer_id: &'a [u8],
    state: &'static str,
}

/// What becomes of a quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuoteEnd {
    /// A payment got it.
    Kept(EventKey),
    /// Its time is over, or a newer quote takes its place.
    Ended,
}

/// Keeps a new quote, and deletes those that ended before `swept`.
pub fn insert(
    tx: &mut LedgerTx<'_>,
    id: QuoteId,
    quote: &QuoteStanding,
    swept: Moment,
) -> Result<(), StoreError> {
    let old = quotes::table
        .filter(quotes::expires_at.lt(swept.naive()))
        .filter(quotes::state.ne(QuoteState::Open.name()));
    diesel::delete(old).execute(tx.0)?;
    let row = Row {
        id: id.bytes(),
        partner_id: quote.partner.as_str(),
        scheme: quote.scheme.as_ref().map(RuleId::as_str),
        gross: quote.gross.minor(),
        discount: quote.discount.minor(),
        expires_at: quote.expires_at.naive(),
        member_id: quote.member.bytes(),
        customer_id: quote.customer.bytes(),
        state: quote.state.name(),
    };
    both!(tx.0, db => diesel::insert_into(quotes::table).values(&row).execute(db))?;
    Ok(())
}

/// Ends a quote that stands where `was` says; `false` when it does not stand there any more.
pub fn close(
    tx: &mut LedgerTx<'_>,
    id: QuoteId,
    was: QuoteState,
    end: QuoteEnd,
) -> Result<bool, StoreError> {
    let (state, kept_by) = match end {
        QuoteEnd::Kept(payment) => (QuoteState::Kept, Some(payment.bytes().to_vec())),
        QuoteEnd::Ended => (QuoteState::Ended, None),
    };
    let standing = quotes::table
        .filter(quotes::id.eq(id.bytes().as_slice()))
        .filter(quotes::state.eq(was.name()));
    let changed = diesel::update(standing)
        .set((quotes::state.eq(state.name()), quotes::kept_by.eq(kept_by)))
        .execute(tx.0)?;
    Ok(changed == 1)
}

type QuoteRow = (
    (Vec<u8>, String, Option<String>, i64, i64),
    (chrono::NaiveDateTime, Option<Vec<u8>>, Option<Vec<u8>>, String),
);

/// These quotes, of those that are known, with what the open ones count.
pub fn load(db: &mut Db, ids: &[QuoteId]) -> Result<HashMap<QuoteId, QuoteStanding>, StoreError> {
    let bytes: Vec<&[u8]> = ids.iter().map(|id| id.bytes().as_slice()).collect();
    let rows: Vec<QuoteRow> = both!(db, db => quotes::table
        .filter(quotes::id.eq_any(&bytes))
        .select((
            (quotes::id, quotes::partner_id, quotes::scheme, quotes::gross, quotes::discount),
            (quotes::expires_at, quotes::member_id, quotes::customer_id, quotes::state),
        ))
        .load(db))?;
    let mut found = HashMap::with_capacity(rows.len());
    for row in rows {
        // A quote of an earlier release is for nobody.
        if let Some((id, quote)) = read(row)? {
            found.insert(id, quote);
        }
    }
    let open: HashMap<EventKey, QuoteId> = found
        .iter()
        .filter(|(_id, quote)| quote.state == QuoteState::Open)
        .map(|(id, _quote)| (EventKey::of_quote(*id), *id))
        .collect();
    if !open.is_empty() {
        let keys: Vec<EventKey> = open.keys().copied().collect();
        for (key, promised) in counters::of_events(db, &keys)? {
            if let Some(quote) = open.get(&key).and_then(|id| found.get_mut(id)) {
                quote.promised = promised;
            }
        }
    }
    Ok(found)
}

/// The open quotes of a member, oldest first. Returns at most `max`.
pub fn open_of_member(
    db: &mut Db,
    member: MemberKey,
    max: i64,
) -> Result<Vec<QuoteId>, StoreError> {
    let ids: Vec<Vec<u8>> = quotes::table
        .filter(quotes::member_id.eq(member.bytes().as_slice()))
        .filter(quotes::state.eq(QuoteState::Open.name()))
        .order((quotes::expires_at, quotes::id))
        .limit(max)
        .select(quotes::id)
        .load(db)?;
    ids.iter().map(|id| types::uuid(id, "quotes.id").map(QuoteId::from_uuid)).collect()
}

/// The customers whom members become when they enrol, where an open quote counts for them already. A
/// customer who exists is another member's.
pub fn customers(
    db: &mut Db,
    members: &[MemberKey],
) -> Result<HashMap<MemberKey, CustomerId>, StoreError> {
    type Row = (Option<Vec<u8>>, Option<Vec<u8>>);
    let bytes: Vec<&[u8]> = members.iter().map(|key| key.bytes().as_slice()).collect();
    let rows: Vec<Row> = both!(db, db => quotes::table
        .filter(quotes::member_id.eq_any(&bytes))
        .filter(quotes::state.eq(QuoteState::Open.name()))
        .order((quotes::expires_at.desc(), quotes::id))
        .select((quotes::member_id, quotes::customer_id))
        .load(db))?;
    let named: Vec<&[u8]> = rows.iter().filter_map(|(_, customer)| customer.as_deref()).collect();
    let exists: Vec<Vec<u8>> = both!(db, db => customers::table
        .filter(customers::id.eq_any(&named))
        .select(customers::id)
        .load(db))?;
    let mut found = HashMap::new();
    for (member, customer) in rows {
        let (Some(member), Some(customer)) = (member, customer) else { continue };
        if exists.contains(&customer) {
            continue;
        }
        let member = MemberKey::from_bytes(types::bytes16(&member, "quotes.member_id")?);
        let customer = CustomerId::from_uuid(types::uuid(&customer, "quotes.customer_id")?);
        found.insert(member, customer);
    }
    Ok(found)
}

/// Open quotes, of all partners or of one, whose time is over. Returns at most `max`.
pub fn lapsed(
    db: &mut Db,
    partner: Option<&PartnerId>,
    now: Moment,
    max: i64,
) -> Result<Vec<QuoteId>, StoreError> {
    let mut query = quotes::table
        .filter(quotes::state.eq(QuoteState::Open.name()))
        .filter(quotes::expires_at.lt(now.naive()))
        .order(quotes::expires_at)
        .limit(max)
        .select(quotes::id)
        .into_boxed();
    if let Some(partner) = partner {
        query = query.filter(quotes::partner_id.eq(partner.as_str()));
    }
    let ids: Vec<Vec<u8>> = query.load(db)?;
    ids.iter().map(|id| types::uuid(id, "quotes.id").map(QuoteId::from_uuid)).collect()
}

fn read(row: QuoteRow) -> Result<Option<(QuoteId, QuoteStanding)>, StoreError> {
    let ((id, partner, scheme, gross, discount), (expires_at, member, customer, state)) = row;
    let (Some(member), Some(customer)) = (member, customer) else { return Ok(None) };
    let scheme = scheme.map(RuleId::try_from).transpose();
    let quote = QuoteStanding {
        partner: types::partner(&partner)?,
        member: MemberKey::from_bytes(types::bytes16(&member, "quotes.member_id")?),
        customer: CustomerId::from_uuid(types::uuid(&customer, "quotes.customer_id")?),
        scheme: scheme.map_err(|_invalid| StoreError::Corrupt("quotes.scheme"))?,
        gross: Amount::from_minor(gross, Asset::CNY),
        discount: Amount::from_minor(discount, Asset::CNY),
        expires_at: types::moment(expires_at),
        state: QuoteState::by_name(&state).ok_or(StoreError::Corrupt("quotes.state"))?,
        promised: Vec::new(),
    };
    Ok(Some((QuoteId::from_uuid(types::uuid(&id, "quotes.id")?), quote)))
}
