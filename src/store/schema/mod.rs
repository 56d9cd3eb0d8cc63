//! One schema over the SQL types that both stores share. Moments are UTC without an offset;
//! amounts are minor units. `tests/promises/stores.rs` compares it with both stores.

mod bank;
mod console;
mod crm;
mod delivery;
mod exposure;
mod files;
mod follow_up;
mod leads;
mod notice;
mod persons;
mod reconcile;
mod trial;
mod wallet;

pub use bank::*;
pub use console::*;
pub use crm::*;
pub use delivery::*;
pub use exposure::*;
pub use files::*;
pub use follow_up::*;
pub use leads::*;
pub use notice::*;
pub use persons::*;
pub use reconcile::*;
pub use trial::*;
pub use wallet::*;

diesel::table! {
    customers (id) {
        id -> Binary,
        bank_subject -> Nullable<Text>,
        enrolled_at -> Timestamp,
        birth_month -> Nullable<BigInt>,
        tier -> Nullable<Text>,
        tier_held_until -> Nullable<Timestamp>,
    }
}

diesel::table! {
    members (id) {
        id -> Binary,
        partner_id -> Text,
        member_ref -> Text,
        customer_id -> Binary,
        enrolled_at -> Timestamp,
    }
}

diesel::table! {
    events (id) {
        id -> Binary,
        partner_id -> Text,
        event_id -> Text,
        #[sql_name = "type"]
        kind -> Text,
        fingerprint -> Binary,
        body -> Text,
        transaction_id -> Binary,
        customer_id -> Nullable<Binary>,
        refers_to -> Nullable<Binary>,
        asset -> Text,
        amount -> BigInt,
        effective_at -> Timestamp,
        recorded_at -> Timestamp,
    }
}

diesel::table! {
    accounts (id) {
        id -> Binary,
        code -> Text,
        owner_kind -> Text,
        owner -> Text,
        asset -> Text,
        balance -> BigInt,
    }
}

diesel::table! {
    transactions (id) {
        id -> Binary,
        kind -> Text,
        entry_count -> BigInt,
        receipt -> Text,
        effective_at -> Timestamp,
        recorded_at -> Timestamp,
    }
}

diesel::table! {
    entries (transaction_id, seq) {
        transaction_id -> Binary,
        seq -> BigInt,
        account_id -> Binary,
        lot_id -> Nullable<Binary>,
        asset -> Text,
        amount -> BigInt,
        rule -> Text,
        effective_at -> Timestamp,
        recorded_at -> Timestamp,
    }
}

diesel::table! {
    daily_events (partner_id, day) {
        partner_id -> Text,
        day -> Text,
        recorded -> BigInt,
    }
}

diesel::table! {
    partner_changes (file, number) {
        file -> Text,
        number -> BigInt,
        recorded_at -> Timestamp,
        cause -> Text,
        outcome -> Text,
        status -> Nullable<Text>,
        content -> Nullable<Text>,
        reasons -> Text,
    }
}

diesel::table! {
    counters (id) {
        id -> Binary,
        value -> BigInt,
    }
}

diesel::table! {
    counted (event_id, counter_id) {
        event_id -> Binary,
        counter_id -> Binary,
        amount -> BigInt,
        unit -> Nullable<Text>,
    }
}

diesel::table! {
    lines (event_id, line) {
        event_id -> Binary,
        line -> Text,
        amount -> BigInt,
        points -> BigInt,
        by_rule -> Nullable<Text>,
    }
}

diesel::table! {
    quotes (id) {
        id -> Binary,
        partner_id -> Text,
        scheme -> Nullable<Text>,
        gross -> BigInt,
        discount -> BigInt,
        expires_at -> Timestamp,
        member_id -> Nullable<Binary>,
        customer_id -> Nullable<Binary>,
        state -> Text,
        kept_by -> Nullable<Binary>,
    }
}

diesel::table! {
    codes (id) {
        id -> Binary,
        customer_id -> Binary,
        expires_at -> Timestamp,
        used -> Bool,
        points -> Nullable<BigInt>,
        partner_id -> Nullable<Text>,
        refusals -> Nullable<BigInt>,
    }
}

diesel::table! {
    holds (id) {
        id -> Binary,
        customer_id -> Binary,
        partner_id -> Text,
        points -> BigInt,
        times_out_at -> Timestamp,
        recorded_at -> Timestamp,
        state -> Text,
        committed -> BigInt,
        returned -> BigInt,
        value -> BigInt,
        price -> Nullable<Text>,
        returned_value -> BigInt,
        confirmation -> Nullable<Text>,
        confirmation_id -> Nullable<Binary>,
    }
}

diesel::table! {
    refund_charges (customer_id, partner_id, price) {
        customer_id -> Binary,
        partner_id -> Text,
        price -> Text,
        charged -> BigInt,
        repaid -> BigInt,
        value -> BigInt,
        since -> Timestamp,
    }
}

diesel::table! {
    lots (id) {
        id -> Binary,
        customer_id -> Binary,
        partner_id -> Text,
        rule -> Text,
        transaction_id -> Binary,
        issued -> BigInt,
        by_partner -> BigInt,
        unit_cost -> Text,
        matures_at -> Nullable<Timestamp>,
        expires_at -> Nullable<Timestamp>,
        effective_at -> Timestamp,
        recorded_at -> Timestamp,
        pending -> BigInt,
        available -> BigInt,
        held -> BigInt,
        redeemed -> BigInt,
        expired -> BigInt,
        owed -> BigInt,
    }
}

diesel::table! {
    referrals (id) {
        id -> Binary,
        event_id -> Binary,
        partner_id -> Text,
        customer_id -> Nullable<Binary>,
        product -> Text,
        asset -> Text,
        amount -> BigInt,
        region -> Text,
        state -> Text,
        reasons -> Text,
        consent_id -> Nullable<Binary>,
        effective_at -> Timestamp,
        recorded_at -> Timestamp,
        terms -> Nullable<Text>,
        score -> Nullable<BigInt>,
        next_step -> Nullable<Text>,
        branch_id -> Nullable<Text>,
        manager_id -> Nullable<Text>,
        expires_at -> Nullable<Timestamp>,
        why -> Nullable<Text>,
        person_id -> Nullable<Binary>,
    }
}

diesel::table! {
    assertions (id) {
        id -> Binary,
        partner_id -> Text,
        expires_at -> Timestamp,
    }
}

diesel::table! {
    revoked_tokens (id) {
        id -> Binary,
        partner_id -> Text,
        expires_at -> Timestamp,
    }
}

diesel::table! {
    dpop_proofs (id) {
        id -> Binary,
        expires_at -> Timestamp,
    }
}

diesel::table! {
    blocks (position) {
        position -> BigInt,
        leaves -> BigInt,
        total -> BigInt,
        root -> Binary,
        previous -> Binary,
        hash -> Binary,
        head -> Text,
        sealed_at -> Timestamp,
    }
}

diesel::table! {
    seals (transaction_id) {
        transaction_id -> Binary,
        block -> BigInt,
        leaf_index -> BigInt,
        leaf -> Binary,
    }
}

diesel::table! {
    corrections (id) {
        id -> Text,
        kind -> Text,
        customer_id -> Nullable<Binary>,
        partner_id -> Nullable<Text>,
        member_ref -> Nullable<Text>,
        points -> BigInt,
        expires_at -> Nullable<Timestamp>,
        reverses -> Nullable<Binary>,
        reason -> Text,
        proposed_by -> Text,
        proposed_at -> Timestamp,
        above_limit -> Bool,
        state -> Text,
        transaction_id -> Nullable<Binary>,
        approved_by -> Nullable<Text>,
        rejected_by -> Nullable<Text>,
        rejected_because -> Nullable<Text>,
        closed_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    idempotency_keys (id) {
        id -> Binary,
        fingerprint -> Binary,
        lease -> Binary,
        lease_until -> Timestamp,
        status -> Nullable<BigInt>,
        content_type -> Nullable<Text>,
        key_id -> Nullable<Text>,
        answer -> Nullable<Binary>,
        expires_at -> Timestamp,
        caller -> Nullable<Binary>,
    }
}

diesel::table! {
    flagged_payments (event_id) {
        event_id -> Binary,
        partner_id -> Text,
        recorded_at -> Timestamp,
    }
}

diesel::table! {
    business_keys (id) {
        id -> Binary,
        event_id -> Binary,
    }
}

diesel::table! {
    duplicates (id) {
        id -> Binary,
        event_id -> Binary,
        fingerprint -> Binary,
        recorded_at -> Timestamp,
    }
}

diesel::table! {
    signatures (id) {
        id -> Binary,
        partner_id -> Text,
        kid -> Text,
        algorithm -> Text,
        thumbprint -> Text,
        jwk -> Text,
        created_at -> Timestamp,
        recorded_at -> Timestamp,
    }
}

diesel::table! {
    signed_contents (id) {
        id -> Binary,
        key_id -> Text,
        sealed -> Binary,
    }
}

diesel::table! {
    event_signatures (event_id) {
        event_id -> Binary,
        signature_id -> Binary,
    }
}

diesel::joinable!(members -> customers (customer_id));
diesel::joinable!(events -> transactions (transaction_id));
diesel::joinable!(entries -> transactions (transaction_id));
diesel::joinable!(entries -> accounts (account_id));
diesel::joinable!(seals -> transactions (transaction_id));
diesel::joinable!(business_keys -> events (event_id));
diesel::joinable!(flagged_payments -> events (event_id));
diesel::joinable!(held_events -> events (event_id));
diesel::joinable!(released_events -> events (event_id));
diesel::joinable!(duplicates -> events (event_id));
diesel::joinable!(event_signatures -> signatures (signature_id));
diesel::joinable!(referrals -> consents (consent_id));
diesel::joinable!(withdrawals -> consents (id));

diesel::allow_tables_to_appear_in_same_query!(
    customers,
    members,
    events,
    accounts,
    transactions,
    entries,
    personal_data,
    consents,
    referrals,
    outbox,
    assertions,
    dpop_proofs,
    revoked_tokens,
    blocks,
    seals,
    lots,
    corrections,
    business_keys,
    flagged_payments,
    held_events,
    released_events,
    freezes,
    duplicates,
    signatures,
    signed_contents,
    event_signatures,
    behaviour_evaluations,
    customer_contacts,
    referral_claims,
    referral_moves,
    referral_rewards,
    referral_sightings,
    withdrawals,
    readings,
    erasures,
    customer_stages,
);
