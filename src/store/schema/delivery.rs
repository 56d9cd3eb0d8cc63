//! The tables of what leaves the house; the others are in `schema.rs`.

diesel::table! {
    outbox (id) {
        position -> BigInt,
        id -> Binary,
        channel -> Text,
        destination -> Text,
        order_key -> Nullable<Binary>,
        subject -> Binary,
        kind -> Text,
        revision -> BigInt,
        body -> Nullable<Text>,
        state -> Text,
        attempts -> BigInt,
        failures -> BigInt,
        next_attempt_at -> Timestamp,
        give_up_at -> Nullable<Timestamp>,
        lease_until -> Nullable<Timestamp>,
        lease_holder -> Nullable<Binary>,
        cancelled_at -> Nullable<Timestamp>,
        last_error -> Nullable<Text>,
        remote_id -> Nullable<Text>,
        recorded_at -> Timestamp,
        delivered_at -> Nullable<Timestamp>,
        traceparent -> Nullable<Text>,
    }
}

diesel::table! {
    attempts (message_id, number) {
        message_id -> Binary,
        number -> BigInt,
        started_at -> Timestamp,
        ended_at -> Timestamp,
        outcome -> Text,
        status -> Nullable<BigInt>,
        class -> Nullable<Text>,
    }
}

diesel::table! {
    webhook_endpoints (id) {
        id -> Binary,
        partner_id -> Text,
        url -> Text,
        events -> Text,
        secret_version -> BigInt,
        previous_until -> Nullable<Timestamp>,
        state -> Text,
        created_at -> Timestamp,
        changed_at -> Timestamp,
        signs_from -> Nullable<BigInt>,
    }
}
