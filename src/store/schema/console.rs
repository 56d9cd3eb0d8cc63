//! Who of the staff is signed in.

diesel::table! {
    console_sessions (id) {
        id -> Binary,
        secret_hash -> Binary,
        staff_id -> Text,
        own_subjects -> Text,
        roles -> Text,
        authenticated_at -> Timestamp,
        began_at -> Timestamp,
        seen_at -> Timestamp,
        ends_at -> Timestamp,
    }
}
