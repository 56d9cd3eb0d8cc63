//! Webhooks: events sent to partners by HTTP, as Standard Webhooks 1.0 describes. Here are
//! endpoints, signatures and sending. The writer decides what is sent and when (`writer/announce`);
//! the outbox keeps order, retries and dead letters.

mod address;
pub mod deliver;
pub mod endpoint;
pub mod endpoints;
pub mod sign;

pub use deliver::WebhookSender;
pub use endpoint::EndpointUrl;
pub use sign::WebhookKeys;
