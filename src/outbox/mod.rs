//! Getting leads out of the database and into the CRM: at least once from here, and once in effect
//! because the CRM is asked for our id first. Rows are claimed under a lease; whoever dies holding
//! one loses it when the lease ends.

mod backoff;
pub mod relay;
