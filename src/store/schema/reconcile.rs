//! Statements of partners, and what comes of holding them against our events.

diesel::table! {
    statements (id) {
        id -> Binary,
        partner_id -> Text,
        period -> Text,
        part -> BigInt,
        version -> BigInt,
        sha256 -> Binary,
        file_name -> Nullable<Text>,
        charset -> Text,
        packed -> Bool,
        state -> Text,
        lines -> BigInt,
        imported_by -> Text,
        imported_at -> Timestamp,
    }
}

diesel::table! {
    statement_lines (statement_id, line) {
        statement_id -> Binary,
        line -> BigInt,
        content -> Binary,
        kind -> Text,
        event_id -> Nullable<Text>,
        order_number -> Nullable<Text>,
        currency -> Text,
        minor -> BigInt,
        occurred_at -> Timestamp,
        store -> Nullable<Text>,
        is_void -> Bool,
    }
}

diesel::table! {
    statement_originals (statement_id, start) {
        statement_id -> Binary,
        start -> BigInt,
        key_id -> Text,
        sealed -> Binary,
        kept_at -> Timestamp,
    }
}

diesel::table! {
    statement_uploads (id) {
        id -> Binary,
        partner_id -> Text,
        period -> Text,
        part -> BigInt,
        file_name -> Nullable<Text>,
        charset -> Nullable<Text>,
        declared_sha256 -> Nullable<Binary>,
        sent_by_kind -> Text,
        sent_by -> Text,
        length -> BigInt,
        received -> BigInt,
        state -> Text,
        created_at -> Timestamp,
        expires_at -> Timestamp,
        lease -> Nullable<Binary>,
        lease_until -> Nullable<Timestamp>,
        ended_at -> Nullable<Timestamp>,
        statement_id -> Nullable<Binary>,
        failure -> Nullable<Text>,
    }
}

diesel::table! {
    statement_upload_parts (upload_id, start) {
        upload_id -> Binary,
        start -> BigInt,
        key_id -> Text,
        sealed -> Binary,
    }
}

diesel::table! {
    reconciliations (id) {
        id -> Binary,
        partner_id -> Text,
        period -> Text,
        number -> BigInt,
        state -> Text,
        started_by -> Text,
        started_at -> Timestamp,
        lease_until -> Timestamp,
        ended_at -> Nullable<Timestamp>,
        report -> Nullable<Text>,
    }
}

diesel::table! {
    matches (statement_id, line, made_by) {
        statement_id -> Binary,
        line -> BigInt,
        made_by -> BigInt,
        partner_id -> Text,
        period -> Text,
        event_key -> Nullable<Binary>,
        rule -> Text,
        rule_version -> BigInt,
        ended_by -> Nullable<BigInt>,
    }
}

diesel::table! {
    original_fetches (id) {
        id -> Binary,
        statement_id -> Binary,
        fetched_by -> Text,
        fetched_at -> Timestamp,
    }
}

diesel::table! {
    separations (id) {
        id -> Binary,
        partner_id -> Text,
        period -> Text,
        statement_id -> Binary,
        line -> BigInt,
        made_by -> BigInt,
        content -> Binary,
        event_key -> Binary,
        event_id -> Text,
        reason -> Text,
        proposed_by -> Text,
        proposed_at -> Timestamp,
        state -> Text,
        decided_by -> Nullable<Text>,
        decided_because -> Nullable<Text>,
        decided_at -> Nullable<Timestamp>,
        run -> Nullable<Binary>,
    }
}

diesel::table! {
    breaks (id) {
        id -> Binary,
        partner_id -> Text,
        period -> Text,
        code -> Text,
        kind -> Text,
        theirs_currency -> Nullable<Text>,
        theirs_minor -> Nullable<BigInt>,
        ours_currency -> Nullable<Text>,
        ours_minor -> Nullable<BigInt>,
        business_day -> Text,
        facts -> Text,
        opened_at -> Timestamp,
        due_on -> Text,
        state -> Text,
        asked_at -> Nullable<Timestamp>,
        closed_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    break_proposals (break_id, number) {
        break_id -> Binary,
        number -> BigInt,
        action -> Text,
        minor -> Nullable<BigInt>,
        reason -> Text,
        proposed_by -> Text,
        proposed_at -> Timestamp,
        lapses_at -> Timestamp,
        state -> Text,
        decided_by -> Nullable<Text>,
        decided_because -> Nullable<Text>,
        decided_at -> Nullable<Timestamp>,
        transaction_id -> Nullable<Binary>,
    }
}

diesel::table! {
    break_subjects (subject, break_id) {
        subject -> Binary,
        break_id -> Binary,
    }
}

diesel::table! {
    break_notes (break_id, number) {
        break_id -> Binary,
        number -> BigInt,
        by_kind -> Text,
        by_id -> Text,
        shared -> Bool,
        says -> Text,
        noted_at -> Timestamp,
    }
}

diesel::table! {
    break_attachments (id) {
        id -> Binary,
        break_id -> Binary,
        name -> Text,
        media_type -> Text,
        length -> BigInt,
        sha256 -> Binary,
        by_kind -> Text,
        by_id -> Text,
        shared -> Bool,
        attached_at -> Timestamp,
        key_id -> Text,
        sealed -> Binary,
    }
}

diesel::table! {
    settlements (partner_id, period, number) {
        partner_id -> Text,
        period -> Text,
        number -> BigInt,
        state -> Text,
        cut_at -> Timestamp,
        content -> Text,
        sha256 -> Binary,
        carried_minor -> BigInt,
        proposed_by -> Text,
        proposed_at -> Timestamp,
        decided_by -> Nullable<Text>,
        decided_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    settlement_answers (partner_id, period, settlement, number) {
        partner_id -> Text,
        period -> Text,
        settlement -> BigInt,
        number -> BigInt,
        answer -> Text,
        line -> Nullable<BigInt>,
        reason -> Nullable<Text>,
        answered_at -> Timestamp,
    }
}

diesel::joinable!(break_subjects -> breaks (break_id));

diesel::allow_tables_to_appear_in_same_query!(break_subjects, breaks, break_proposals);
diesel::allow_tables_to_appear_in_same_query!(statements, matches);
