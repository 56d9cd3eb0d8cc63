//! The types of the API's description: bodies that no handler reads into a type, and the forms of
//! ids, amounts and times. Handlers name them; `openapi` makes the document of them.

pub(in crate::http) mod bodies;
pub(in crate::http) mod follow_up;
pub(in crate::http) mod oauth;
pub(in crate::http) mod reconcile;
pub(in crate::http) mod referral;
pub(in crate::http) mod requests;
mod strict;
mod values;
