//! Endpoints that the bank's customers call, with a token of the bank's identity provider. They
//! read their own points and data, and decide about their contact data, consents and notices.
//! Each handler serves the customer of the token and nobody else.

pub(in crate::http) mod codes;
pub(in crate::http) mod consents;
pub(in crate::http) mod contact;
pub(in crate::http) mod hand_overs;
pub(in crate::http) mod notices;
pub(in crate::http) mod own_referrals;
pub(in crate::http) mod person_data;
mod person_page;
mod person_words;
pub(in crate::http) mod points;
pub(in crate::http) mod redemptions;
