//! The tables of what the CRM says, beside those of [`super::schema`].

diesel::table! {
    crm_watermarks (id) {
        id -> Binary,
        watermark -> Text,
        looked_at -> Timestamp,
    }
}

diesel::table! {
    crm_messages (id) {
        id -> Binary,
        expires_at -> Timestamp,
    }
}
