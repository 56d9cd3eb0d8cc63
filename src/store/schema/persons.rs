//! The part of the schema that is about persons: what is sealed of them, what they agreed to, who read
//! it, and what was erased.

diesel::table! {
    personal_data (id) {
        id -> Binary,
        key_id -> Text,
        sealed -> Binary,
        phone_index -> Binary,
        recorded_at -> Timestamp,
        index_key_id -> Nullable<Text>,
        kept -> BigInt,
    }
}

diesel::table! {
    consents (id) {
        id -> Binary,
        partner_id -> Text,
        purpose -> Text,
        text_version -> Text,
        text_sha256 -> Binary,
        channel -> Text,
        evidence -> Text,
        given_at -> Timestamp,
        recorded_at -> Timestamp,
        withdrawn_at -> Nullable<Timestamp>,
        recipient -> Nullable<Text>,
        recipient_contact -> Nullable<Text>,
        method -> Nullable<Text>,
        kinds -> Nullable<Text>,
        language -> Nullable<Text>,
        separate -> Nullable<Bool>,
        collector -> Nullable<Text>,
    }
}

diesel::table! {
    withdrawals (id) {
        id -> Binary,
        by_kind -> Text,
        by_whom -> Text,
        reason -> Nullable<Text>,
        withdrawn_at -> Timestamp,
    }
}

diesel::table! {
    readings (id) {
        id -> Binary,
        reader_kind -> Text,
        reader -> Text,
        purpose -> Text,
        subject_kind -> Text,
        subject_id -> Binary,
        read_at -> Timestamp,
    }
}

diesel::table! {
    erasures (id) {
        id -> Binary,
        by_kind -> Text,
        by_whom -> Text,
        subject_kind -> Text,
        subject_id -> Nullable<Binary>,
        reason -> Text,
        certificate -> Text,
        erased_at -> Timestamp,
    }
}
