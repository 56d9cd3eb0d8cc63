//! Customers, and the member references by which partners know them.

pub mod announcements;
pub mod consents;
pub mod contacts;
pub mod customer_stages;
pub mod erasures;
pub mod notices;
pub mod personal;
pub mod readings;

use std::collections::HashMap;

use diesel::prelude::*;

use crate::clock::Moment;
use crate::ids::{CustomerId, MemberKey, MemberRef, PartnerId};
use crate::program::{CustomerStanding, TierChange};
use crate::store::schema::{customers, members};
use crate::store::{Db, LedgerTx, StoreError, types};

/// A member seen for the first time, and the customer opened for them.
pub struct Enrolment {
    pub partner: PartnerId,
    pub member: MemberRef,
    pub customer: CustomerStanding,
}

#[derive(Insertable)]
#[diesel(table_name = customers, treat_none_as_default_value = false)]
struct CustomerRow<'a> {
    id: &'a [u8],
    bank_subject: Option<&'a str>,
    enrolled_at: chrono::NaiveDateTime,
}

#[derive(Insertable)]
#[diesel(table_name = members, treat_none_as_default_value = false)]
struct MemberRow<'a> {
    id: [u8; 16],
    partner_id: &'a str,
    member_ref: &'a str,
    customer_id: &'a [u8],
    enrolled_at: chrono::NaiveDateTime,
}

type MemberOf = (Vec<u8>, Vec<u8>, chrono::NaiveDateTime, Option<i64>);

/// The customers of members; unknown members are left out.
pub fn of_members(
    tx: &mut LedgerTx<'_>,
    keys: &[MemberKey],
) -> Result<HashMap<MemberKey, CustomerStanding>, StoreError> {
    let keys: Vec<&[u8]> = keys.iter().map(|key| key.bytes().as_slice()).collect();
    let rows: Vec<MemberOf> = both!(tx.0, db => members::table
            .inner_join(customers::table)
            .filter(members::id.eq_any(&keys))
            .select((members::id, customers::id, customers::enrolled_at, customers::birth_month))
            .load(db))?;
    rows.into_iter()
        .map(|(member, customer, enrolled_at, birth_month)| {
            let key = MemberKey::from_bytes(types::bytes16(&member, "members.id")?);
            let id = CustomerId::from_uuid(types::uuid(&customer, "customers.id")?);
            let birth_month = birth_month.and_then(|month| u32::try_from(month).ok());
            let enrolled_at = types::moment(enrolled_at);
            Ok((key, CustomerStanding { id, enrolled_at, birth_month }))
        })
        .collect()
}

/// Opens a customer for each new member. Returns the number of new members. A smaller number than
/// given means that another gateway has enrolled one of them in the meantime.
pub fn enrol(tx: &mut LedgerTx<'_>, list: &[Enrolment]) -> Result<usize, StoreError> {
    let mut list: Vec<&Enrolment> = list.iter().collect();
    // In one order everywhere, so that two writers never deadlock.
    list.sort_unstable_by_key(|new| MemberKey::of(&new.partner, &new.member));
    let mut enrolled = 0_usize;
    for part in list.chunks(crate::store::rows_max(5)) {
        let customer_rows: Vec<CustomerRow<'_>> = part
            .iter()
            .map(|new| CustomerRow {
                id: new.customer.id.bytes(),
                bank_subject: None,
                enrolled_at: new.customer.enrolled_at.naive(),
            })
            .collect();
        let member_rows: Vec<MemberRow<'_>> =
            part.iter().map(|new| member_row(&new.partner, &new.member, &new.customer)).collect();
        let count = both!(tx.0, db => {
            let opened = diesel::insert_into(customers::table)
                .values(&customer_rows)
                .on_conflict_do_nothing()
                .execute(db)?;
            let linked = diesel::insert_into(members::table)
                .values(&member_rows)
                .on_conflict_do_nothing()
                .execute(db)?;
            diesel::QueryResult::Ok(linked.min(opened))
        })?;
        enrolled = enrolled.saturating_add(count);
    }
    Ok(enrolled)
}

/// Locks these customers until the transaction ends, by id, so that two gateways never deadlock.
/// SQLite has one writer and needs no row locks.
pub fn lock(tx: &mut LedgerTx<'_>, ids: &[CustomerId]) -> Result<(), StoreError> {
    let Db::Postgres(db) = &mut *tx.0 else {
        return Ok(());
    };
    let ids: Vec<&[u8]> = ids.iter().map(|id| id.bytes().as_slice()).collect();
    customers::table
        .filter(customers::id.eq_any(&ids))
        .order(customers::id)
        .select(customers::id)
        .for_no_key_update()
        .load::<Vec<u8>>(db)?;
    Ok(())
}

/// Those of these customers who have a subject at the bank's identity provider.
pub fn of_bank(db: &mut Db, ids: &[CustomerId]) -> Result<Vec<CustomerId>, StoreError> {
    let ids: Vec<&[u8]> = ids.iter().map(|id| id.bytes().as_slice()).collect();
    let rows: Vec<Vec<u8>> = both!(db, db => customers::table
        .filter(customers::id.eq_any(&ids))
        .filter(customers::bank_subject.is_not_null())
        .select(customers::id)
        .load(db))?;
    rows.iter().map(|id| types::uuid(id, "customers.id").map(CustomerId::from_uuid)).collect()
}

/// Stores the tier that a customer is in, to be shown: rules count it from what was paid.
pub fn set_tier(
    tx: &mut LedgerTx<'_>,
    customer: CustomerId,
    change: &TierChange,
) -> Result<(), StoreError> {
    let (tier, held_until) = match change {
        TierChange::Held(held) => (Some(held.tier.as_str()), Some(held.held_until.naive())),
        TierChange::NoTier => (None, None),
    };
    diesel::update(customers::table.find(customer.bytes().as_slice()))
        .set((customers::tier.eq(tier), customers::tier_held_until.eq(held_until)))
        .execute(tx.0)?;
    Ok(())
}

/// Stores the month of a customer's birthday, from the bank's identity provider.
pub fn set_birth_month(tx: &mut LedgerTx<'_>, subject: &str, month: u32) -> Result<(), StoreError> {
    diesel::update(customers::table.filter(customers::bank_subject.eq(subject)))
        .set(customers::birth_month.eq(i64::from(month)))
        .execute(tx.0)?;
    Ok(())
}

/// The customer with this subject at the bank's identity provider.
pub fn by_subject(db: &mut Db, subject: &str) -> Result<Option<CustomerId>, StoreError> {
    let id: Option<Vec<u8>> = customers::table
        .filter(customers::bank_subject.eq(subject))
        .select(customers::id)
        .first(db)
        .optional()?;
    id.map(|id| types::uuid(&id, "customers.id").map(CustomerId::from_uuid)).transpose()
}

/// The customers with these subjects, of those that are known.
pub fn by_subjects(db: &mut Db, subjects: &[String]) -> Result<Vec<CustomerId>, StoreError> {
    if subjects.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<Vec<u8>> = both!(db, db => customers::table
        .filter(customers::bank_subject.eq_any(subjects))
        .select(customers::id)
        .load(db))?;
    rows.iter().map(|id| types::uuid(id, "customers.id").map(CustomerId::from_uuid)).collect()
}

/// A customer's subject at the bank's identity provider, if known.
pub fn subject(db: &mut Db, id: CustomerId) -> Result<Option<String>, StoreError> {
    let subject: Option<Option<String>> = customers::table
        .find(id.bytes().as_slice())
        .select(customers::bank_subject)
        .first(db)
        .optional()?;
    Ok(subject.flatten())
}

/// Deletes the month of a customer's birthday; returns 1 if it was known.
pub fn forget_birth_month(tx: &mut LedgerTx<'_>, id: CustomerId) -> Result<usize, StoreError> {
    let known = customers::table
        .filter(customers::id.eq(id.bytes().as_slice()))
        .filter(customers::birth_month.is_not_null());
    Ok(diesel::update(known).set(customers::birth_month.eq(None::<i64>)).execute(tx.0)?)
}

/// The stored data of a customer beside points.
pub struct Profile {
    pub enrolled_at: Moment,
    pub birth_month: Option<i64>,
    pub tier: Option<String>,
    pub members: Vec<(PartnerId, String, Moment)>,
}

pub fn profile(db: &mut Db, id: CustomerId) -> Result<Option<Profile>, StoreError> {
    type Found = (chrono::NaiveDateTime, Option<i64>, Option<String>);
    let found: Option<Found> = customers::table
        .find(id.bytes().as_slice())
        .select((customers::enrolled_at, customers::birth_month, customers::tier))
        .first(db)
        .optional()?;
    let Some((enrolled_at, birth_month, tier)) = found else { return Ok(None) };
    let rows: Vec<(String, String, chrono::NaiveDateTime)> = members::table
        .filter(members::customer_id.eq(id.bytes().as_slice()))
        .order(members::partner_id)
        .select((members::partner_id, members::member_ref, members::enrolled_at))
        .load(db)?;
    let member = |(partner, member, at): (String, String, chrono::NaiveDateTime)| {
        Ok::<_, StoreError>((types::partner(&partner)?, member, types::moment(at)))
    };
    let members = rows.into_iter().map(member).collect::<Result<_, _>>()?;
    Ok(Some(Profile { enrolled_at: types::moment(enrolled_at), birth_month, tier, members }))
}

/// The customer of a member.
pub fn by_member(
    db: &mut Db,
    partner: &PartnerId,
    member: &MemberRef,
) -> Result<Option<CustomerId>, StoreError> {
    let id: Option<Vec<u8>> = members::table
        .find(MemberKey::of(partner, member).bytes().as_slice())
        .select(members::customer_id)
        .first(db)
        .optional()?;
    id.map(|id| types::uuid(&id, "members.customer_id").map(CustomerId::from_uuid)).transpose()
}

/// The customers of these members, outside of a write; unknown members are left out.
pub fn of_member_keys(
    db: &mut Db,
    keys: &[MemberKey],
) -> Result<HashMap<MemberKey, CustomerId>, StoreError> {
    let ids: Vec<&[u8]> = keys.iter().map(|key| key.bytes().as_slice()).collect();
    let mut found = HashMap::with_capacity(ids.len());
    for part in ids.chunks(crate::store::rows_max(1)) {
        let rows: Vec<(Vec<u8>, Vec<u8>)> = both!(db, db => members::table
            .filter(members::id.eq_any(part))
            .select((members::id, members::customer_id))
            .load(db))?;
        for (member, customer) in rows {
            let key = MemberKey::from_bytes(types::bytes16(&member, "members.id")?);
            let id = CustomerId::from_uuid(types::uuid(&customer, "members.customer_id")?);
            found.insert(key, id);
        }
    }
    Ok(found)
}

/// The member reference of a customer for a partner. It is made at the first call, and so is the
/// customer of a new subject.
pub fn link(
    tx: &mut LedgerTx<'_>,
    subject: &str,
    partner: &PartnerId,
    now: Moment,
) -> Result<MemberRef, StoreError> {
    let opened = CustomerId::random();
    let row =
        CustomerRow { id: opened.bytes(), bank_subject: Some(subject), enrolled_at: now.naive() };
    both!(tx.0, db => diesel::insert_into(customers::table)
        .values(&row)
        .on_conflict(customers::bank_subject)
        .do_nothing()
        .execute(db))?;
    let customer = by_subject(tx.0, subject)?.ok_or(StoreError::Corrupt("customers"))?;
    lock(tx, &[customer])?;
    let given: Option<String> = members::table
        .filter(members::customer_id.eq(customer.bytes().as_slice()))
        .filter(members::partner_id.eq(partner.as_str()))
        .select(members::member_ref)
        .first(tx.0)
        .optional()?;
    if let Some(given) = given {
        return MemberRef::try_from(given).map_err(|_invalid| StoreError::Corrupt("member_ref"));
    }
    // A random reference tells nothing about the customer, and nothing to another partner.
    let text = format!("m-{}", uuid::Uuid::new_v4().simple());
    let member = MemberRef::try_from(text).map_err(|_invalid| StoreError::Corrupt("member_ref"))?;
    let standing = CustomerStanding { id: customer, enrolled_at: now, birth_month: None };
    let row = member_row(partner, &member, &standing);
    both!(tx.0, db => diesel::insert_into(members::table).values(&row).execute(db))?;
    Ok(member)
}

fn member_row<'a>(
    partner: &'a PartnerId,
    member: &'a MemberRef,
    customer: &'a CustomerStanding,
) -> MemberRow<'a> {
    MemberRow {
        id: *MemberKey::of(partner, member).bytes(),
        partner_id: partner.as_str(),
        member_ref: member.as_str(),
        customer_id: customer.id.bytes(),
        enrolled_at: customer.enrolled_at.naive(),
    }
}
