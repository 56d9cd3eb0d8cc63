//! The tables of what the CRM says, beside those of [`super::schema`].

diesel::table! {
    crm_watermarks (id) {
        id -> Binary,
        watermark -> Text,
        looked_at -> Timestamp,
    }
}

diesel::table! {
    crm_messages (id) {
        id -> Binary,
        expires_at -> Timestamp,
    }
}

/// As `super::schema::check_columns` does with its own, and those of notices.
pub fn check_columns(db: &mut super::Db) -> Result<(), super::StoreError> {
    use super::notice_schema::{notice_opt_outs, notices};
    use diesel::prelude::*;
    both!(db, db => crm_watermarks::table
        .select(crm_watermarks::all_columns)
        .limit(0)
        .execute(db))?;
    both!(db, db => crm_messages::table
        .select(crm_messages::all_columns)
        .limit(0)
        .execute(db))?;
    both!(db, db => notices::table.select(notices::all_columns).limit(0).execute(db))?;
    both!(db, db => notice_opt_outs::table
        .select(notice_opt_outs::all_columns)
        .limit(0)
        .execute(db))?;
    Ok(())
}
