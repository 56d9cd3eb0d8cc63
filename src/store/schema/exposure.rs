//! What partners cost, what is held for that, and what staff made of it.

diesel::table! {
    exposures (id) {
        id -> Binary,
        partner_id -> Text,
        rule -> Text,
        customer_id -> Nullable<Binary>,
        period -> Text,
        amount -> BigInt,
    }
}

diesel::table! {
    conduct (id) {
        id -> Binary,
        partner_id -> Text,
        period -> Text,
        tally -> Text,
    }
}

diesel::table! {
    held_events (event_id) {
        event_id -> Binary,
        partner_id -> Text,
        kind -> Text,
        hold_id -> Nullable<Binary>,
        referral_id -> Nullable<Binary>,
        transaction_id -> Nullable<Binary>,
        rule -> Text,
        figure -> Nullable<Text>,
        limit_figure -> Nullable<Text>,
        recorded_at -> Timestamp,
        state -> Text,
        decided_by -> Nullable<Text>,
        decided_because -> Nullable<Text>,
        decided_at -> Nullable<Timestamp>,
        proposed_by -> Nullable<Text>,
        proposed_because -> Nullable<Text>,
        proposed_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    released_events (event_id) {
        event_id -> Binary,
        transaction_id -> Binary,
    }
}

diesel::table! {
    freezes (partner_id, frozen_at) {
        partner_id -> Text,
        since -> Timestamp,
        frozen_by -> Text,
        because -> Text,
        frozen_at -> Timestamp,
        transaction_id -> Nullable<Binary>,
        lifted_by -> Nullable<Text>,
        lifted_because -> Nullable<Text>,
        lifted_at -> Nullable<Timestamp>,
        lifted_transaction_id -> Nullable<Binary>,
    }
}

diesel::table! {
    history_imports (id) {
        id -> Binary,
        partner_id -> Text,
        file -> Text,
        sha256 -> Binary,
        by_whom -> Text,
        because -> Text,
        begun_at -> Timestamp,
    }
}
