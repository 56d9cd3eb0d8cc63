//! A shop whose manifest has a form.

use std::sync::Arc;

use actix_web::HttpRequest;

use crate::clock;
use crate::http::Gateway;
use crate::http::problem::Problem;
use crate::http::server::noted::note_partner;
use crate::ids::PartnerId;
use crate::partner::Partner;
use crate::partner::form::Form;

pub struct Shop {
    pub partner: Arc<Partner>,
    pub form: Form,
}

impl Shop {
    /// The shop of the path, if it is on the bank's list today.
    pub fn find(request: &HttpRequest, gateway: &Gateway) -> Result<Self, Problem> {
        let id = request.match_info().get("partner").unwrap_or_default();
        let id = PartnerId::try_from(id).map_err(|_invalid| Problem::not_found())?;
        let partner = gateway.registry.get(&id).ok_or_else(Problem::not_found)?;
        // A partner that must sign its events cannot type them in.
        let form = partner.form.clone().filter(|_form| !partner.access.signed_requests);
        let form = form.ok_or_else(Problem::not_found)?;
        note_partner(request, &partner);
        partner
            .listed_on(gateway.day(clock::now()))
            .map_err(|unlisted| Problem::partner_not_listed(&unlisted))?;
        Ok(Self { partner, form })
    }

    /// A path below the shop's own.
    pub fn path(&self, rest: &str) -> String {
        format!("/m/{}{rest}", self.partner.id)
    }
}
