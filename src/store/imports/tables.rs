//! The tables of partners' files, as `store/schema.rs` has the others.

diesel::table! {
    imports (id) {
        id -> Binary,
        partner_id -> Text,
        business_date -> Text,
        file_name -> Nullable<Text>,
        declared_charset -> Nullable<Text>,
        declared_sha256 -> Nullable<Binary>,
        length -> BigInt,
        received -> BigInt,
        state -> Text,
        created_at -> Timestamp,
        expires_at -> Timestamp,
        sha256 -> Nullable<Binary>,
        charset -> Nullable<Text>,
        packed -> Nullable<Bool>,
        duplicate_of -> Nullable<Binary>,
        lines -> BigInt,
        recorded -> BigInt,
        recorded_before -> BigInt,
        rejected -> BigInt,
        failure -> Nullable<Text>,
        lease -> Nullable<Binary>,
        lease_until -> Nullable<Timestamp>,
        received_at -> Nullable<Timestamp>,
        ended_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    import_parts (import_id, start) {
        import_id -> Binary,
        start -> BigInt,
        key_id -> Text,
        sealed -> Binary,
    }
}

diesel::table! {
    import_rejects (import_id, after_lines) {
        import_id -> Binary,
        after_lines -> BigInt,
        key_id -> Text,
        sealed -> Binary,
        expires_at -> Timestamp,
    }
}

/// As [`crate::store::check_columns`], of these and of the shops' tries to sign in.
///
/// # Errors
/// [`crate::store::StoreError::Refused`] when a table or a column is missing.
pub fn check_columns(db: &mut crate::store::Db) -> Result<(), crate::store::StoreError> {
    use diesel::prelude::*;

    use crate::store::form_attempts::form_attempts;
    macro_rules! check {
        ($($table:ident),*) => {
            $(both!(db, connection => $table::table
                .select($table::all_columns)
                .limit(0)
                .execute(connection))?;)*
        };
    }
    check!(imports, import_parts, import_rejects, form_attempts);
    Ok(())
}
