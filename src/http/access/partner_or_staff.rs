//! The caller of endpoints that serve both partners (with a token of ours) and the bank's staff
//! (with a token of the identity provider): the token says which of them it is.

use std::marker::PhantomData;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use futures_util::future::LocalBoxFuture;

use crate::books::Books;
use crate::http::Gateway;
use crate::http::access::auth::{Caller, Needs, bearer, gateway};
use crate::http::access::staff::{NeedsRole, Staff};
use crate::http::access::standing::Standing;
use crate::http::problem::Problem;
use crate::http::server::idempotency::{Identity, KeyedCaller};
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
    /// A partner's, for what goes on for longer than a request does.
    pub standing: Option<Standing>,
    needs: PhantomData<(S, R)>,
}

impl Asker {
    /// The books that the question is about: the partner's own, or the main ones.
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
        if let Some(known) = request.extensions_mut().remove::<Self>() {
            return Box::pin(std::future::ready(Ok(known)));
        }
        let of_staff = gateway(request)
            .is_ok_and(|gateway| bearer(request).is_ok_and(|token| is_of_staff(gateway, token)));
        if of_staff {
            let staff = Staff::<R>::from_request(request, body);
            Box::pin(async move {
                let asker = Asker::Staff(staff.await?.id);
                Ok(Self { asker, standing: None, needs: PhantomData })
            })
        } else {
            let caller = Caller::<S>::from_request(request, body);
            Box::pin(async move {
                let caller = caller.await?;
                let (asker, standing) = (Asker::Partner(caller.partner), Some(caller.standing));
                Ok(Self { asker, standing, needs: PhantomData })
            })
        }
    }
}

fn is_of_staff(gateway: &Gateway, token: &str) -> bool {
    let issuer = gateway.staff_issuer.as_ref();
    issuer.is_some_and(|issuer| issuer.is_named_by(token))
}

impl<S: Needs, R: NeedsRole> KeyedCaller for PartnerOrStaff<S, R> {
    fn identity<'g>(&self, gateway: &'g Gateway) -> Identity<'g> {
        let name = match &self.asker {
            Asker::Partner(partner) => format!("partner {}", partner.id),
            Asker::Staff(staff) => format!("staff {}", staff.as_str()),
        };
        Identity { name, books: self.asker.books(gateway) }
    }
}
