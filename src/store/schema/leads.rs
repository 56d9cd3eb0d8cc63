//! What becomes of referrals, and whose the people are.

diesel::table! {
    referral_moves (referral_id, seq) {
        referral_id -> Binary,
        seq -> BigInt,
        from_state -> Nullable<Text>,
        state -> Text,
        actor_kind -> Text,
        actor -> Text,
        reason -> Text,
        finding -> Nullable<Text>,
        transaction_id -> Nullable<Binary>,
        moved_at -> Timestamp,
    }
}

diesel::table! {
    referral_confirmations (referral_id) {
        referral_id -> Binary,
        confirmed_at -> Timestamp,
    }
}

diesel::table! {
    referral_rewards (referral_id, number) {
        referral_id -> Binary,
        number -> BigInt,
        receiver -> Text,
        rule -> Text,
        amount -> BigInt,
        customer_id -> Nullable<Binary>,
        lot_id -> Nullable<Binary>,
        counter_id -> Nullable<Binary>,
        transaction_id -> Binary,
        matures_at -> Nullable<Timestamp>,
        state -> Text,
    }
}

diesel::table! {
    customer_contacts (customer_id) {
        customer_id -> Binary,
        personal_id -> Binary,
        consent_id -> Binary,
        region -> Text,
        recorded_at -> Timestamp,
    }
}

diesel::table! {
    behaviour_evaluations (customer_id, rule, period) {
        customer_id -> Binary,
        rule -> Text,
        period -> Text,
        outcome -> Text,
        evaluated_at -> Timestamp,
    }
}

diesel::table! {
    referral_claims (id) {
        id -> Binary,
        referral_id -> Binary,
        until -> Nullable<Timestamp>,
    }
}

diesel::table! {
    referral_sightings (id, referral_id) {
        id -> Binary,
        referral_id -> Binary,
        seen_at -> Timestamp,
    }
}
