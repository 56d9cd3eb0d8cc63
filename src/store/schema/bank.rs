//! Payouts, and what the bank says of them.

diesel::table! {
    payouts (message_id) {
        message_id -> Text,
        partner_id -> Text,
        period -> Text,
        number -> BigInt,
        end_to_end_id -> Text,
        minor -> BigInt,
        payer_account -> Text,
        payee_account -> Text,
        state -> Text,
        ordered_by -> Text,
        ordered_at -> Timestamp,
    }
}

diesel::table! {
    payout_moves (payout, number) {
        payout -> Text,
        number -> BigInt,
        state -> Text,
        entry_id -> Nullable<Binary>,
        moved_by -> Text,
        reason_code -> Nullable<Text>,
        reason_text -> Nullable<Text>,
        transaction_id -> Nullable<Binary>,
        moved_at -> Timestamp,
    }
}

diesel::table! {
    bank_files (sha256) {
        sha256 -> Binary,
        kind -> Text,
        message_id -> Text,
        account -> Nullable<Text>,
        entries -> BigInt,
        imported_by -> Text,
        imported_at -> Timestamp,
    }
}

diesel::table! {
    bank_entries (id) {
        id -> Binary,
        file_sha256 -> Binary,
        line -> BigInt,
        kind -> Text,
        payout -> Nullable<Text>,
        reference -> Nullable<Text>,
        end_to_end_id -> Nullable<Text>,
        currency -> Nullable<Text>,
        minor -> Nullable<BigInt>,
        counter_account -> Nullable<Text>,
        booked_on -> Nullable<Text>,
        status -> Nullable<Text>,
        reason_code -> Nullable<Text>,
        reason_text -> Nullable<Text>,
        outcome -> Text,
    }
}

diesel::table! {
    bank_breaks (id) {
        id -> Binary,
        code -> Text,
        payout -> Nullable<Text>,
        opened_at -> Timestamp,
        due_on -> Text,
        state -> Text,
        closed_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    bank_break_proposals (bank_break, number) {
        bank_break -> Binary,
        number -> BigInt,
        action -> Text,
        reason -> Text,
        proposed_by -> Text,
        proposed_at -> Timestamp,
        state -> Text,
        decided_by -> Nullable<Text>,
        decided_because -> Nullable<Text>,
        decided_at -> Nullable<Timestamp>,
        transaction_id -> Nullable<Binary>,
    }
}

diesel::joinable!(bank_breaks -> bank_entries (id));

diesel::allow_tables_to_appear_in_same_query!(bank_breaks, bank_entries);
