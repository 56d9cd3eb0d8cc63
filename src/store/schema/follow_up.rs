//! What becomes of customers beyond the lead.

diesel::table! {
    customer_stages (customer_id) {
        customer_id -> Binary,
        stage -> Text,
        since -> Timestamp,
        look_at -> Timestamp,
    }
}

diesel::table! {
    customer_stage_moves (customer_id, seq) {
        customer_id -> Binary,
        seq -> BigInt,
        from_stage -> Nullable<Text>,
        stage -> Text,
        says -> Text,
        says_zh -> Text,
        moved_at -> Timestamp,
    }
}

diesel::table! {
    follow_ups (referral_id, seq) {
        referral_id -> Binary,
        seq -> BigInt,
    }
}

diesel::table! {
    tasks (id) {
        id -> Binary,
        rule -> Text,
        cause -> Text,
        referral_id -> Nullable<Binary>,
        customer_id -> Nullable<Binary>,
        branch_id -> Nullable<Text>,
        manager_id -> Nullable<Text>,
        says -> Text,
        says_zh -> Text,
        in_crm -> Bool,
        opens_at -> Timestamp,
        due_on -> Text,
        state -> Text,
        recorded_at -> Timestamp,
        closed_by_kind -> Nullable<Text>,
        closed_by -> Nullable<Text>,
        note -> Nullable<Text>,
        closed_at -> Nullable<Timestamp>,
    }
}
