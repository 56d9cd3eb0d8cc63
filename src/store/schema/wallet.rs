//! Which customers are signed in at the wallet.

diesel::table! {
    hand_overs (secret_hash) {
        secret_hash -> Binary,
        subject -> Text,
        ends_at -> Timestamp,
    }
}

diesel::table! {
    wallet_sessions (secret_hash) {
        secret_hash -> Binary,
        subject -> Text,
        began_at -> Timestamp,
        seen_at -> Timestamp,
        ends_at -> Timestamp,
    }
}
