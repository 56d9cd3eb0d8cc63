//! The tables of partners on trial, beside those of [`super::schema`].

diesel::table! {
    test_clocks (partner_id) {
        partner_id -> Text,
        ahead_seconds -> BigInt,
        set_at -> Timestamp,
    }
}

diesel::table! {
    observations (partner_id, sign, route, subject) {
        partner_id -> Text,
        sign -> Text,
        route -> Text,
        subject -> Text,
        count -> BigInt,
        first_seen_at -> Timestamp,
        last_seen_at -> Timestamp,
    }
}

diesel::table! {
    conformance_runs (id) {
        id -> Binary,
        partner_id -> Text,
        recorded_at -> Timestamp,
        outcome -> Text,
        report -> Text,
    }
}

/// As [`super::schema::check_columns`].
///
/// # Errors
/// [`super::StoreError::Refused`].
pub fn check_columns(db: &mut super::Db) -> Result<(), super::StoreError> {
    use diesel::prelude::*;
    macro_rules! check {
        ($($table:ident),*) => {
            $(both!(db, connection => $table::table
                .select($table::all_columns)
                .limit(0)
                .execute(connection))?;)*
        };
    }
    check!(test_clocks, observations, conformance_runs);
    Ok(())
}
