//! Notices to customers, and the kinds that a customer does not want.

diesel::table! {
    notices (id) {
        id -> Binary,
        customer_id -> Binary,
        kind -> Text,
        object -> Text,
        days -> BigInt,
        points -> BigInt,
        recorded_at -> Timestamp,
        partner_id -> Nullable<Text>,
    }
}

diesel::table! {
    notice_opt_outs (customer_id, kind) {
        customer_id -> Binary,
        kind -> Text,
        since -> Timestamp,
    }
}

diesel::table! {
    announcements (id) {
        id -> Text,
        kind -> Text,
        customer_id -> Binary,
        asset -> Text,
        amount -> BigInt,
        due_on -> Text,
        announced_by -> Text,
        recorded_at -> Timestamp,
        cancelled_by -> Nullable<Text>,
        cancelled_because -> Nullable<Text>,
        cancelled_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    announcement_notices (id) {
        id -> Binary,
        announcement_id -> Text,
        days -> BigInt,
        recorded_at -> Timestamp,
    }
}
