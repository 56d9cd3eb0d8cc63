//! Partners' files, and sign-ins to their forms.

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
        rejected_for_now -> BigInt,
        continued_by -> Nullable<Binary>,
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

diesel::table! {
    form_tries (partner_id, source) {
        partner_id -> Text,
        source -> Text,
        failures -> BigInt,
        tried_at -> Timestamp,
        locked_until -> Timestamp,
    }
}

diesel::allow_tables_to_appear_in_same_query!(imports, import_rejects);
