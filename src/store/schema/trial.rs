//! Partners on trial, and the row that a gateway writes to learn whether it can.

diesel::table! {
    write_probe (id) {
        id -> BigInt,
        filler -> Binary,
    }
}

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
