//! Who of the staff is signed in at the console. A session's secret is kept as its hash only.

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::clock::Moment;
use crate::ids::{SessionId, StaffId};
use crate::store::schema::console_sessions;
use crate::store::{Db, LedgerTx, StoreError, types};

/// A session as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptSession {
    pub id: SessionId,
    pub secret_hash: [u8; 32],
    pub staff: StaffId,
    pub own_subjects: Vec<String>,
    pub roles: Vec<String>,
    /// When the person last showed the identity provider who they are.
    pub authenticated_at: Moment,
    pub began_at: Moment,
    pub seen_at: Moment,
    pub ends_at: Moment,
}

#[derive(Insertable, Queryable, Selectable)]
#[diesel(table_name = console_sessions, treat_none_as_default_value = false)]
struct Row {
    id: Vec<u8>,
    secret_hash: Vec<u8>,
    staff_id: String,
    own_subjects: String,
    roles: String,
    authenticated_at: NaiveDateTime,
    began_at: NaiveDateTime,
    seen_at: NaiveDateTime,
    ends_at: NaiveDateTime,
}

/// Keeps a new session.
pub fn insert(tx: &mut LedgerTx<'_>, session: &KeptSession) -> Result<(), StoreError> {
    let row = Row::of(session)?;
    both!(tx.0, db => diesel::insert_into(console_sessions::table).values(&row).execute(db))?;
    Ok(())
}

/// The session whose secret has that hash, whether it has ended or not.
pub fn by_secret(db: &mut Db, hash: &[u8; 32]) -> Result<Option<KeptSession>, StoreError> {
    let row = console_sessions::table
        .filter(console_sessions::secret_hash.eq(hash.as_slice()))
        .select(Row::as_select())
        .first::<Row>(db)
        .optional()?;
    row.map(Row::read).transpose()
}

/// The newest sessions of a person.
pub fn of_staff(
    db: &mut Db,
    staff: &StaffId,
    rows_max: i64,
) -> Result<Vec<KeptSession>, StoreError> {
    let rows: Vec<Row> = console_sessions::table
        .filter(console_sessions::staff_id.eq(staff.as_str()))
        .order(console_sessions::began_at.desc())
        .limit(rows_max)
        .select(Row::as_select())
        .load(db)?;
    rows.into_iter().map(Row::read).collect()
}

/// Notes that a session was used.
pub fn set_seen(tx: &mut LedgerTx<'_>, id: SessionId, now: Moment) -> Result<(), StoreError> {
    let older = console_sessions::table
        .find(id.bytes().as_slice())
        .filter(console_sessions::seen_at.lt(now.naive()));
    diesel::update(older).set(console_sessions::seen_at.eq(now.naive())).execute(tx.0)?;
    Ok(())
}

/// Ends a session. `false`: the person has no such session.
pub fn delete(tx: &mut LedgerTx<'_>, staff: &StaffId, id: SessionId) -> Result<bool, StoreError> {
    let own = console_sessions::table
        .find(id.bytes().as_slice())
        .filter(console_sessions::staff_id.eq(staff.as_str()));
    Ok(diesel::delete(own).execute(tx.0)? == 1)
}

/// Deletes up to `rows_max` sessions whose longest time was over by `past`.
pub fn forget_ended(
    tx: &mut LedgerTx<'_>,
    past: Moment,
    rows_max: i64,
) -> Result<usize, StoreError> {
    let ids: Vec<Vec<u8>> = console_sessions::table
        .filter(console_sessions::ends_at.le(past.naive()))
        .order(console_sessions::ends_at)
        .limit(rows_max)
        .select(console_sessions::id)
        .load(tx.0)?;
    let ended = console_sessions::table.filter(console_sessions::id.eq_any(ids));
    Ok(diesel::delete(ended).execute(tx.0)?)
}

fn list(texts: &[String]) -> Result<String, StoreError> {
    serde_json::to_string(texts).map_err(|_never| StoreError::Corrupt("console_sessions"))
}

fn read_list(text: &str) -> Result<Vec<String>, StoreError> {
    serde_json::from_str(text).map_err(|_bad| StoreError::Corrupt("console_sessions.roles"))
}

impl Row {
    fn of(session: &KeptSession) -> Result<Self, StoreError> {
        Ok(Self {
            id: session.id.bytes().to_vec(),
            secret_hash: session.secret_hash.to_vec(),
            staff_id: session.staff.to_string(),
            own_subjects: list(&session.own_subjects)?,
            roles: list(&session.roles)?,
            authenticated_at: session.authenticated_at.naive(),
            began_at: session.began_at.naive(),
            seen_at: session.seen_at.naive(),
            ends_at: session.ends_at.naive(),
        })
    }

    fn read(self) -> Result<KeptSession, StoreError> {
        let corrupt = StoreError::Corrupt;
        let hash = <[u8; 32]>::try_from(self.secret_hash.as_slice());
        let staff = StaffId::try_from(self.staff_id);
        Ok(KeptSession {
            id: SessionId::from_uuid(types::uuid(&self.id, "console_sessions.id")?),
            secret_hash: hash.map_err(|_length| corrupt("console_sessions.secret_hash"))?,
            staff: staff.map_err(|_invalid| corrupt("console_sessions.staff_id"))?,
            own_subjects: read_list(&self.own_subjects)?,
            roles: read_list(&self.roles)?,
            authenticated_at: types::moment(self.authenticated_at),
            began_at: types::moment(self.began_at),
            seen_at: types::moment(self.seen_at),
            ends_at: types::moment(self.ends_at),
        })
    }
}
