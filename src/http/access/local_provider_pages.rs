//! The pages and endpoints of the provider of trials, which answer only while no partner is beyond the
//! sandbox.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use jsonwebtoken::{Algorithm, Header};
use reqwest::Url;
use serde::Deserialize;
use serde_json::json;

use super::code_flow::{CALLBACK_PATH, LOCAL_PROVIDER_PATH};
use super::local_provider::{Asked, KID, LIFE, LocalProvider, PEOPLE, Person, Redemption};
use crate::clock;
use crate::http::Gateway;
use crate::http::pages::forms::{check_origin, new_secret, see_other};
use crate::http::pages::frame::{PageStyle, show};
use crate::http::problem::{BAD_REQUEST, Problem};
use crate::http::server::paths::at;
use crate::jwt;

#[derive(Template)]
#[template(path = "local_provider.html", config = "src/http/askama.toml")]
struct Page {
    people: &'static [Person],
    asked: Asked,
}

#[derive(Deserialize)]
pub struct Choice {
    person: String,
    #[serde(flatten)]
    asked: Asked,
}

/// All of it, below [`LOCAL_PROVIDER_PATH`].
pub fn routes(config: &mut web::ServiceConfig) {
    let below = |rest: &str| format!("{LOCAL_PROVIDER_PATH}{rest}");
    config
        .service(at(&below("/.well-known/openid-configuration"), web::get().to(get_metadata)))
        .service(at(&below("/keys"), web::get().to(get_keys)))
        .service(
            at(&below("/sign-in"), web::get().to(get_people)).route(web::post().to(post_person)),
        )
        .service(at(&below("/token"), web::post().to(post_token)));
}

/// The provider, while every partner is on trial.
pub(super) fn provider(gateway: &Gateway) -> Result<&LocalProvider, Problem> {
    let own = gateway.local_provider.as_ref().ok_or_else(Problem::not_found)?;
    if gateway.registry.all_on_trial() { Ok(own) } else { Err(Problem::not_found()) }
}

fn issuer(gateway: &Gateway) -> String {
    format!("{}{LOCAL_PROVIDER_PATH}", gateway.issuer)
}

fn check(own: &LocalProvider, gateway: &Gateway, asked: &Asked) -> Result<(), Problem> {
    let is_good = asked.response_type == "code"
        && asked.client_id == own.client_id
        && asked.redirect_uri == format!("{}{CALLBACK_PATH}", gateway.issuer)
        && asked.code_challenge_method == "S256";
    if is_good { Ok(()) } else { Err(Problem::new(&BAD_REQUEST, "No sign-in of this console.")) }
}

/// `GET /local-provider/.well-known/openid-configuration`.
pub async fn get_metadata(gateway: web::Data<Gateway>) -> Result<HttpResponse, Problem> {
    provider(&gateway)?;
    let issuer = issuer(&gateway);
    Ok(HttpResponse::Ok().json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/sign-in"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"),
        "authorization_response_iss_parameter_supported": true,
    })))
}

/// `GET /local-provider/keys`.
pub async fn get_keys(gateway: web::Data<Gateway>) -> Result<HttpResponse, Problem> {
    let own = provider(&gateway)?;
    let key =
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": KID, "alg": "EdDSA", "x": own.public });
    Ok(HttpResponse::Ok().json(json!({ "keys": [key] })))
}

/// `GET /local-provider/sign-in`: one button for each person.
pub async fn get_people(
    gateway: web::Data<Gateway>,
    asked: web::Query<Asked>,
) -> Result<HttpResponse, Problem> {
    check(provider(&gateway)?, &gateway, &asked)?;
    let page = Page { people: &PEOPLE, asked: asked.into_inner() };
    show(StatusCode::OK, &page, PageStyle::Linked)
}

/// `POST /local-provider/sign-in`.
pub async fn post_person(
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    choice: web::Form<Choice>,
) -> Result<HttpResponse, Problem> {
    check_origin(&request, &gateway.issuer)?;
    let own = provider(&gateway)?;
    let Choice { person, asked } = choice.into_inner();
    check(own, &gateway, &asked)?;
    let person = PEOPLE.iter().find(|known| known.name == person).ok_or_else(Problem::not_found)?;
    let state = asked.state.clone();
    let mut url = Url::parse(&asked.redirect_uri).map_err(Problem::internal)?;
    let code = own.give(person, asked, clock::now())?;
    url.query_pairs_mut()
        .append_pair("code", &code)
        .append_pair("state", &state)
        .append_pair("iss", &issuer(&gateway));
    Ok(see_other(url.as_str()))
}

/// `POST /local-provider/token`.
pub async fn post_token(
    gateway: web::Data<Gateway>,
    form: web::Form<Redemption>,
) -> Result<HttpResponse, Problem> {
    let own = provider(&gateway)?;
    let now = clock::now();
    let Some(waiting) = own.take(&form, now) else {
        return Ok(HttpResponse::BadRequest().json(json!({ "error": "invalid_grant" })));
    };
    let claims = json!({
        "iss": issuer(&gateway), "aud": own.client_id, "sub": waiting.person.name,
        "roles": waiting.person.roles, "nonce": waiting.asked.nonce,
        "iat": now.unix_seconds(), "auth_time": now.unix_seconds(),
        "exp": now.plus(LIFE).unix_seconds(),
    });
    let header = Header { kid: Some(KID.to_owned()), ..Header::new(Algorithm::EdDSA) };
    let payload = serde_json::to_vec(&claims).map_err(Problem::internal)?;
    let id_token = jwt::sign(&header, &payload, &own.signing).map_err(Problem::internal)?;
    let access_token = new_secret()?;
    Ok(HttpResponse::Ok().json(json!({
        "token_type": "Bearer", "access_token": access_token, "id_token": id_token,
    })))
}
