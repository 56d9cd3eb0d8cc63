//! Endpoints for the people who run the service: health, readiness and metrics.

pub(in crate::http) mod health;
pub(in crate::http) mod metrics;
