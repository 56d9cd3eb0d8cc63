//! The gateway's HTTP interface: `routes` says who may call what. A handler names its caller in its
//! signature. Every error is a problem document.

pub mod access;
mod customer;
mod gateway;
pub mod merchant;
mod openapi;
mod operator;
pub mod pages;
mod partner;
pub mod problem;
mod reconcile_routes;
mod routes;
mod sandbox;
mod schemas;
pub mod server;
mod staff;
mod trial;

pub use gateway::{Gateway, GatewayError};
pub use operator::metrics::scraped_routes;
pub use partner::tus::speak_tus;
pub use routes::routes;
pub use server::conditional::tag_resources;
pub use server::hardening::harden;
pub use server::method::translate_methods;
pub use server::request_id::log_requests;
pub use server::slow_body::await_bodies;
pub use server::slow_reader::answer_in_slices;
pub use server::version::speak_version;
pub use trial::watch::watch_trials;
