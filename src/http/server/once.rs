//! Resources that change something.

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::{Resource, Route};

use super::idempotency::{KeyedCaller, answer_once};
use super::paths::at;

/// A resource that changes something: with an `Idempotency-Key` it is done once for each caller.
pub fn once<C: KeyedCaller>(
    path: &str,
    route: Route,
) -> Resource<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<BoxBody>,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    at(path, route).wrap(from_fn(answer_once::<C>))
}
