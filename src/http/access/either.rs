//! What both a partner and the staff may ask for: the token says who comes.

use std::marker::PhantomData;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;

use crate::books::Books;
use crate::clock::{self, Moment};
use crate::http::Gateway;
use crate::http::access::auth::{Caller, Needs, bearer, gateway};
use crate::http::access::staff::{NeedsRole, Staff};
use crate::http::problem::Problem;
use crate::http::server::idempotency::Speaker;
use crate::ids::StaffId;
use crate::partner::Partner;

/// Who asks.
pub enum Asker {
    Partner(Arc<Partner>),
    Staff(StaffId),
}

/// A partner with that scope, or staff with that role.
pub struct PartnerOrStaff<S: Needs, R: NeedsRole> {
    pub asker: Asker,
    needs: PhantomData<(S, R)>,
}

impl Asker {
    /// Those that the question is about: a partner's own, or the main ones.
    pub fn books<'g>(&self, gateway: &'g Gateway) -> &'g Books {
        match self {
            Self::Partner(partner) => gateway.books(partner),
            Self::Staff(_) => &gateway.main,
        }
    }
}

impl<S: Needs, R: NeedsRole> FromRequest for PartnerOrStaff<S, R> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, body: &mut Payload) -> Self::Future {
        let of_staff = gateway(request)
            .map(|gateway| bearer(request).is_ok_and(|token| is_of_staff(gateway, token)));
        let caller = Caller::<S>::from_request(request, body);
        let staff = Staff::<R>::from_request(request, body);
        Box::pin(async move {
            let asker = if of_staff? {
                staff.await.map(|staff| Asker::Staff(staff.id))
            } else {
                caller.await.map(|caller| Asker::Partner(caller.partner))
            };
            asker.map(|asker| Self { asker, needs: PhantomData })
        })
    }
}

fn is_of_staff(gateway: &Gateway, token: &str) -> bool {
    let issuer = gateway.staff_issuer.as_ref();
    issuer.is_some_and(|issuer| issuer.read(token, clock::now()).is_ok())
}

impl<S: Needs, R: NeedsRole> Speaker for PartnerOrStaff<S, R> {
    fn name<'g>(gateway: &'g Gateway, token: &str, now: Moment) -> Option<(String, &'g Books)> {
        let staff = <Staff<R> as Speaker>::name(gateway, token, now);
        staff.or_else(|| <Caller<S> as Speaker>::name(gateway, token, now))
    }
}
