//! Events told to partners by HTTP, as Standard Webhooks 1.0 has it: what an endpoint is, how a
//! message is signed, and how it is sent. What is told, and when, is the writer's (`writer/announce`);
//! order, retries and dead letters are the outbox's.

mod address;
pub mod deliver;
pub mod endpoint;
pub mod endpoints;
pub mod sign;

pub use deliver::WebhookSender;
pub use endpoint::EndpointUrl;
pub use sign::WebhookKeys;
