//! Messages to endpoints, as the partner whose endpoints they are sees them.

use diesel::prelude::*;

use super::dead::{Message, Stored};
use super::{Destination, State};
use crate::clock::Moment;
use crate::ids::EndpointId;
use crate::store::schema::outbox;
use crate::store::{Db, LedgerTx, StoreError};

/// Messages to these endpoints, the newest first, before that position.
pub fn page(
    db: &mut Db,
    endpoints: &[EndpointId],
    state: Option<State>,
    before: i64,
    rows_max: i64,
) -> Result<Vec<Message>, StoreError> {
    let states: Vec<State> = match state {
        Some(state) => vec![state],
        None => State::ALL.to_vec(),
    };
    let mut newest: Vec<Stored> = Vec::new();
    // One look-up for each endpoint and state: each reads no more rows than it returns. Asked for
    // all at once, PostgreSQL may walk through every message of every endpoint.
    for endpoint in endpoints {
        let destination = Destination::Webhook(*endpoint).to_string();
        for state in &states {
            let rows: Vec<Stored> = outbox::table
                .filter(outbox::destination.eq(&destination))
                .filter(outbox::state.eq(state.name()))
                .filter(outbox::position.lt(before))
                .order(outbox::position.desc())
                .limit(rows_max)
                .select(Stored::as_select())
                .load(db)?;
            newest.extend(rows);
        }
    }
    newest.sort_unstable_by_key(|stored| std::cmp::Reverse(stored.position));
    newest.truncate(usize::try_from(rows_max).unwrap_or_default());
    newest.into_iter().map(Stored::read).collect()
}

/// Messages about a subject to these destinations, each destination's in the order of its revisions.
pub fn about(
    db: &mut Db,
    destinations: &[Destination],
    subject: &[u8; 16],
    rows_max: i64,
) -> Result<Vec<Message>, StoreError> {
    let mut found = Vec::new();
    for destination in destinations {
        let rows: Vec<Stored> = outbox::table
            .filter(outbox::destination.eq(destination.to_string()))
            .filter(outbox::subject.eq(subject.as_slice()))
            .order(outbox::revision)
            .limit(rows_max)
            .select(Stored::as_select())
            .load(db)?;
        for row in rows {
            found.push(row.read()?);
        }
    }
    Ok(found)
}

/// What waits for an endpoint need not wait any longer: it has shown that it answers.
pub fn hasten(tx: &mut LedgerTx<'_>, endpoint: EndpointId, now: Moment) -> Result<(), StoreError> {
    let waiting = outbox::table
        .filter(outbox::destination.eq(Destination::Webhook(endpoint).to_string()))
        .filter(outbox::state.eq("waiting"))
        .filter(outbox::next_attempt_at.gt(now.naive()));
    diesel::update(waiting).set(outbox::next_attempt_at.eq(now.naive())).execute(tx.0)?;
    Ok(())
}

/// Nothing more goes to an endpoint that is deleted.
pub fn cancel_all(
    tx: &mut LedgerTx<'_>,
    endpoint: EndpointId,
    now: Moment,
) -> Result<(), StoreError> {
    let destination = Destination::Webhook(endpoint).to_string();
    let open = || {
        outbox::table
            .filter(outbox::destination.eq(&destination))
            .filter(outbox::state.eq("waiting").or(outbox::state.eq("dead")))
    };
    let under_way = open().filter(outbox::lease_until.gt(now.naive()));
    diesel::update(under_way).set(outbox::cancelled_at.eq(now.naive())).execute(tx.0)?;
    let idle = open().filter(outbox::lease_until.is_null().or(outbox::lease_until.le(now.naive())));
    diesel::update(idle)
        .set((outbox::state.eq("cancelled"), outbox::order_key.eq(None::<Vec<u8>>)))
        .execute(tx.0)?;
    Ok(())
}
