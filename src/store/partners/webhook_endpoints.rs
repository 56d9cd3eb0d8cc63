//! The endpoints to which partners want their events delivered.

use diesel::prelude::*;

use crate::clock::Moment;
use crate::ids::{EndpointId, PartnerId};
use crate::store::outbox::Kind;
use crate::store::schema::webhook_endpoints;
use crate::store::{Db, LedgerTx, StoreError, types};

/// An endpoint of a partner.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub id: EndpointId,
    pub partner: PartnerId,
    pub url: String,
    pub events: Vec<Kind>,
    /// Which secret signs now.
    pub secret_version: i64,
    /// Until then the secrets before it sign too, from version `signs_from` on.
    pub previous_until: Option<Moment>,
    /// The oldest version that signs until `previous_until`.
    pub signs_from: i64,
    pub state: State,
    pub created_at: Moment,
}

/// Whether an endpoint gets messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Enabled,
    /// The endpoint answered 410 Gone.
    Disabled,
    Deleted,
}

#[derive(Insertable, Queryable, Selectable)]
#[diesel(table_name = webhook_endpoints, treat_none_as_default_value = false)]
struct Row {
    id: Vec<u8>,
    partner_id: String,
    url: String,
    events: String,
    secret_version: i64,
    previous_until: Option<chrono::NaiveDateTime>,
    state: String,
    created_at: chrono::NaiveDateTime,
    changed_at: chrono::NaiveDateTime,
    signs_from: Option<i64>,
}

pub fn insert(tx: &mut LedgerTx<'_>, endpoint: &Endpoint) -> Result<(), StoreError> {
    let names: Vec<&str> = endpoint.events.iter().map(|kind| kind.name()).collect();
    let row = Row {
        id: endpoint.id.bytes().to_vec(),
        partner_id: endpoint.partner.to_string(),
        url: endpoint.url.clone(),
        events: names.join(" "),
        secret_version: endpoint.secret_version,
        previous_until: endpoint.previous_until.map(Moment::naive),
        state: endpoint.state.name().to_owned(),
        created_at: endpoint.created_at.naive(),
        changed_at: endpoint.created_at.naive(),
        signs_from: Some(endpoint.signs_from),
    };
    diesel::insert_into(webhook_endpoints::table).values(&row).execute(tx.0)?;
    Ok(())
}

/// Reads one endpoint of any partner, also a deleted one.
pub fn get(db: &mut Db, id: EndpointId) -> Result<Option<Endpoint>, StoreError> {
    let row: Option<Row> = webhook_endpoints::table
        .filter(webhook_endpoints::id.eq(id.bytes().as_slice()))
        .select(Row::as_select())
        .first(db)
        .optional()?;
    row.map(Row::read).transpose()
}

/// A partner's endpoints in the order of their making, without deleted ones.
pub fn of_partner(db: &mut Db, partner: &PartnerId) -> Result<Vec<Endpoint>, StoreError> {
    of_partners(db, &[partner])
}

/// The endpoints of several partners, without deleted ones.
pub fn of_partners(db: &mut Db, partners: &[&PartnerId]) -> Result<Vec<Endpoint>, StoreError> {
    let names: Vec<&str> = partners.iter().map(|partner| partner.as_str()).collect();
    let rows: Vec<Row> = both!(db, db => webhook_endpoints::table
        .filter(webhook_endpoints::partner_id.eq_any(&names))
        .filter(webhook_endpoints::state.ne("deleted"))
        .order((webhook_endpoints::partner_id, webhook_endpoints::id))
        .select(Row::as_select())
        .load(db))?;
    rows.into_iter().map(Row::read).collect()
}

/// # Errors
/// [`StoreError`]; the database refuses to bring back a deleted one.
pub fn set_state(
    tx: &mut LedgerTx<'_>,
    id: EndpointId,
    state: State,
    now: Moment,
) -> Result<(), StoreError> {
    let open = webhook_endpoints::table
        .filter(webhook_endpoints::id.eq(id.bytes().as_slice()))
        .filter(webhook_endpoints::state.ne("deleted"));
    diesel::update(open)
        .set((
            webhook_endpoints::state.eq(state.name()),
            webhook_endpoints::changed_at.eq(now.naive()),
        ))
        .execute(tx.0)?;
    Ok(())
}

/// The next secret signs from now on, the present one too until then. `false` when another rotation
/// came first.
pub fn rotate(
    tx: &mut LedgerTx<'_>,
    endpoint: &Endpoint,
    previous_until: Moment,
    now: Moment,
) -> Result<bool, StoreError> {
    let present = webhook_endpoints::table
        .filter(webhook_endpoints::id.eq(endpoint.id.bytes().as_slice()))
        .filter(webhook_endpoints::state.ne("deleted"))
        .filter(webhook_endpoints::secret_version.eq(endpoint.secret_version));
    let changed = diesel::update(present)
        .set((
            webhook_endpoints::secret_version.eq(endpoint.secret_version.saturating_add(1)),
            webhook_endpoints::previous_until.eq(previous_until.naive()),
            webhook_endpoints::signs_from.eq(Some(endpoint.oldest_signing(now))),
            webhook_endpoints::changed_at.eq(now.naive()),
        ))
        .execute(tx.0)?;
    Ok(changed == 1)
}

impl Endpoint {
    /// The oldest version of the secret that signs now.
    #[must_use]
    pub fn oldest_signing(&self, now: Moment) -> i64 {
        match self.previous_until {
            Some(until) if now < until => self.signs_from.min(self.secret_version),
            _ => self.secret_version,
        }
    }
}

impl State {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::Deleted => "deleted",
        }
    }
}

impl Row {
    fn read(self) -> Result<Endpoint, StoreError> {
        let corrupt = || StoreError::Corrupt("webhook_endpoints.state");
        let events = self
            .events
            .split(' ')
            .map(|name| Kind::by_name(name).ok_or(StoreError::Corrupt("webhook_endpoints.events")));
        Ok(Endpoint {
            id: EndpointId::from_uuid(types::uuid(&self.id, "webhook_endpoints.id")?),
            partner: types::partner(&self.partner_id)?,
            url: self.url,
            events: events.collect::<Result<_, _>>()?,
            secret_version: self.secret_version,
            previous_until: self.previous_until.map(types::moment),
            signs_from: self.signs_from.unwrap_or_else(|| self.secret_version.saturating_sub(1)),
            state: [State::Enabled, State::Disabled, State::Deleted]
                .into_iter()
                .find(|state| state.name() == self.state)
                .ok_or_else(corrupt)?,
            created_at: types::moment(self.created_at),
        })
    }
}
