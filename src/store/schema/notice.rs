//! What customers are told beforehand, and who would rather not be.

diesel::table! {
    notices (id) {
        id -> Binary,
        customer_id -> Binary,
        kind -> Text,
        object -> Text,
        days -> BigInt,
        points -> BigInt,
        recorded_at -> Timestamp,
    }
}

diesel::table! {
    notice_opt_outs (customer_id, kind) {
        customer_id -> Binary,
        kind -> Text,
        since -> Timestamp,
    }
}
