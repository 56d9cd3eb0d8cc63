//! Tokens of customers and of staff. The bank's identity providers issue them, one provider for
//! customers and one for staff. A partner's token cannot pass for one of them: another key signed
//! it, and its issuer is another. docs/identity.md says which claims a token needs.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::clock::Moment;
use crate::event::is_e164;
use crate::http::access::issuer_keys::{IssuerKey, IssuerKeys, IssuerKeysError, KeySet};
use crate::http::problem::Problem;
use crate::jwt::{self, Audience, HeaderError, NumericDate, Untimely};
use crate::settings::TokenSettings;

/// An identity provider of the bank, as far as a token can be checked against it.
pub struct IdentityProvider {
    issuer: String,
    audience: String,
    /// The claim that lists a person's roles: its name, or a path with dots.
    roles_claim: String,
    /// The claim that tells people apart, such as the employee number. `None`: sub.
    person_claim: Option<String>,
    /// The claim with the sub that the person has as a customer.
    customer_claim: Option<String>,
    household_claim: Option<String>,
    phone_claim: Option<String>,
    keys: IssuerKeys,
}

/// Why a token does not tell whose it is.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum IssuedTokenError {
    #[error("The token cannot be taken: {0}.")]
    Header(#[from] HeaderError),
    /// No key of the provider fits what the header names.
    #[error("The token is not signed with a key of the bank's identity provider.")]
    UnknownKey,
    #[error("The token is not signed with a key of the bank's identity provider.")]
    Signature,
    #[error("The token is not by the bank's identity provider, or not for this service.")]
    Foreign,
    #[error("The token cannot be taken: {0}.")]
    Untimely(#[from] Untimely),
    #[error("The token's sub does not name anybody.")]
    Subject,
    /// The claim that tells people apart is missing.
    #[error("The token does not have the claim of staff_tokens.person_claim.")]
    Person,
    /// The claim of the household is no list of texts.
    #[error(
        "The token's claim of staff_tokens.household_claim is not a list of at most 100 texts."
    )]
    Household,
    /// The provider could not be asked yet.
    #[error("The keys of the bank's identity provider cannot be had now.")]
    NoKeys,
}

impl From<IssuedTokenError> for Problem {
    fn from(error: IssuedTokenError) -> Self {
        match error {
            IssuedTokenError::NoKeys => Self::busy(error.to_string()),
            IssuedTokenError::Header(_)
            | IssuedTokenError::UnknownKey
            | IssuedTokenError::Signature
            | IssuedTokenError::Foreign
            | IssuedTokenError::Untimely(_)
            | IssuedTokenError::Subject
            | IssuedTokenError::Person
            | IssuedTokenError::Household => Self::bad_token(&error),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Claims {
    iss: String,
    pub(super) aud: Audience,
    sub: String,
    exp: NumericDate,
    nbf: Option<NumericDate>,
    iat: Option<NumericDate>,
    /// OpenID Connect Core, section 5.1: `YYYY-MM-DD`, or `0000-MM-DD` where the year is left out.
    birthdate: Option<Value>,
    #[serde(flatten)]
    pub(super) others: Map<String, Value>,
}

/// Whom an identity provider vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vouched {
    pub subject: String,
    /// What tells the person apart from others: the claim that the settings name, else the subject. One
    /// person with two accounts is one person. `None`: the claim is missing.
    pub person: Option<String>,
    /// What the customers' provider calls the same person, and the members of their household.
    pub own_subjects: Vec<String>,
    /// The person's own phone number in the form of E.164, where the settings name a claim for it.
    pub phone: Option<String>,
    pub roles: Roles,
    /// The month (1 to 12) of the claim `birthdate`. Nothing else of the claim is kept.
    pub birth_month: Option<u32>,
}

/// What a token says of its holder's roles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Roles {
    Listed(Vec<String>),
    /// The claim is missing, or is not an array of strings.
    NotListed,
}

/// Types of JWT that a person may come with: an ID token, an access token, none stated.
const TYPES: [&str; 3] = ["jwt", "at+jwt", ""];

/// OpenID Connect Core, section 2: sub has at most 255 ASCII characters.
const SUBJECT_BYTES_MAX: usize = 255;
/// A household has at most this many customers.
const HOUSEHOLD_MAX: usize = 100;

impl IdentityProvider {
    /// `table` is the name of the provider's settings.
    pub fn load(settings: &TokenSettings, table: &'static str) -> Result<Self, IssuerKeysError> {
        Ok(Self {
            issuer: settings.issuer.clone(),
            audience: settings.audience.clone(),
            roles_claim: settings.roles_claim.clone(),
            person_claim: settings.person_claim.clone(),
            customer_claim: settings.customer_claim.clone(),
            household_claim: settings.household_claim.clone(),
            phone_claim: settings.phone_claim.clone(),
            keys: IssuerKeys::load(settings, table)?,
        })
    }

    /// The name of the claim that lists roles.
    pub fn roles_claim(&self) -> &str {
        &self.roles_claim
    }

    /// Whether a token says that it is by this provider. Nothing is verified by that.
    pub fn is_named_by(&self, token: &str) -> bool {
        #[derive(Deserialize)]
        struct Issuer {
            iss: String,
        }
        jwt::unverified(token).is_some_and(|claims: Issuer| claims.iss == self.issuer)
    }

    /// Verifies a token and reads whose it is. For an unknown key the provider is asked again.
    pub async fn read(&self, token: &str, now: Moment) -> Result<Vouched, IssuedTokenError> {
        self.vouch(self.open(token, now).await?)
    }

    /// Verifies a token and reads its claims.
    pub(super) async fn open(&self, token: &str, now: Moment) -> Result<Claims, IssuedTokenError> {
        self.keys.freshen().await;
        match self.open_with(&self.keys.now(), token, now) {
            Err(IssuedTokenError::UnknownKey) if self.is_named_by(token) => {
                self.keys.look_for_new().await;
                self.open_with(&self.keys.now(), token, now)
            }
            read => read,
        }
    }

    fn open_with(
        &self,
        keys: &KeySet,
        token: &str,
        now: Moment,
    ) -> Result<Claims, IssuedTokenError> {
        let header = jwt::header(token, &TYPES)?;
        if keys.is_empty() {
            return Err(IssuedTokenError::NoKeys);
        }
        let key = IssuerKey::find(keys, header.kid.as_deref(), header.alg);
        let key = key.ok_or(IssuedTokenError::UnknownKey)?;
        let claims: Claims =
            jwt::open(token, header.alg, &key.decoding).map_err(|error| match error {
                jwt::OpenError::Signature => IssuedTokenError::Signature,
                jwt::OpenError::Claims => IssuedTokenError::Foreign,
            })?;
        if claims.iss != self.issuer || !claims.aud.includes(&self.audience) {
            return Err(IssuedTokenError::Foreign);
        }
        jwt::in_force(claims.exp, claims.nbf, claims.iat, now)?;
        let sane = (1..=SUBJECT_BYTES_MAX).contains(&claims.sub.len())
            && !claims.sub.chars().any(char::is_control);
        if !sane {
            return Err(IssuedTokenError::Subject);
        }
        Ok(claims)
    }

    /// Reads whose a token is that was verified.
    pub(super) fn vouch(&self, claims: Claims) -> Result<Vouched, IssuedTokenError> {
        let birthdate = claims.birthdate.as_ref().and_then(Value::as_str);
        let month = birthdate.and_then(|date| date.split('-').nth(1)?.parse().ok());
        let birth_month = month.filter(|month| (1..=12).contains(month));
        let roles = roles(&claims.others, &self.roles_claim);
        let person = match &self.person_claim {
            None => Some(claims.sub.clone()),
            Some(name) => text(&claims.others, name),
        };
        let own_subjects = self.own_subjects(&claims.others)?;
        let phone = self.phone(&claims.others);
        Ok(Vouched { subject: claims.sub, person, own_subjects, phone, roles, birth_month })
    }

    /// A number that the provider says it has not verified is nobody's (OpenID Connect Core, 5.1).
    fn phone(&self, claims: &Map<String, Value>) -> Option<String> {
        let phone = text(claims, self.phone_claim.as_ref()?)?;
        // OpenID Connect Core, 5.1: a boolean. Some providers write it as a text.
        let is_verified = match find(claims, "phone_number_verified") {
            Some(Value::Bool(verified)) => *verified,
            Some(Value::String(text)) => text == "true",
            _ => false,
        };
        (is_verified && is_e164(&phone)).then_some(phone)
    }

    /// Whose accounts the person must not touch. A household that cannot be read is no empty one.
    fn own_subjects(&self, claims: &Map<String, Value>) -> Result<Vec<String>, IssuedTokenError> {
        let own = self.customer_claim.as_ref().map(|name| (find(claims, name), text(claims, name)));
        let mut subjects = Vec::new();
        match own {
            None | Some((None | Some(Value::Null), _)) => {}
            Some((Some(_), Some(own))) => subjects.push(own),
            Some((Some(_), None)) => return Err(IssuedTokenError::Household),
        }
        match self.household_claim.as_ref().and_then(|name| find(claims, name)) {
            None | Some(Value::Null) => {}
            // One person may stand there as a text; a text that lists several is no list.
            Some(Value::String(one)) if !one.contains([',', ';', ' ']) => {
                subjects.push(one.clone())
            }
            Some(listed) => {
                let all: Vec<String> = serde_json::from_value(listed.clone())
                    .map_err(|_other| IssuedTokenError::Household)?;
                if all.len() > HOUSEHOLD_MAX {
                    return Err(IssuedTokenError::Household);
                }
                subjects.extend(all);
            }
        }
        Ok(subjects)
    }
}

/// Finds the claim by its whole name first, because a name may be a URL. Then each dot leads one
/// object deeper.
fn find<'c>(claims: &'c Map<String, Value>, name: &str) -> Option<&'c Value> {
    claims.get(name).or_else(|| {
        let mut parts = name.split('.');
        let first = claims.get(parts.next()?)?;
        parts.try_fold(first, |object, part| object.get(part))
    })
}

/// A claim that is a text, or a number as providers write employee numbers.
fn text(claims: &Map<String, Value>, name: &str) -> Option<String> {
    match find(claims, name)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            None
        }
    }
}

fn roles(claims: &Map<String, Value>, name: &str) -> Roles {
    let found = find(claims, name);
    let listed = found.and_then(|roles| serde_json::from_value(roles.clone()).ok());
    listed.map_or(Roles::NotListed, Roles::Listed)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use jsonwebtoken::{Algorithm, EncodingKey, Header};
    use serde_json::json;

    use super::*;
    use crate::http::access::issuer_keys::read_keys;

    impl IdentityProvider {
        fn read_with(
            &self,
            keys: &KeySet,
            token: &str,
            now: Moment,
        ) -> Result<Vouched, IssuedTokenError> {
            self.vouch(self.open_with(keys, token, now)?)
        }
    }

    struct Bank {
        der: Vec<u8>,
        x: String,
    }

    fn bank() -> Bank {
        let der = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(der.as_ref()).unwrap();
        let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        Bank { der: der.as_ref().to_vec(), x }
    }

    impl Bank {
        fn issuer(&self, roles_claim: &str) -> IdentityProvider {
            let set = json!({ "keys": [
                { "kty": "OKP", "crv": "Ed25519", "kid": "b1", "alg": "EdDSA", "x": self.x },
                { "kty": "oct", "kid": "s1", "alg": "HS256", "k": "c2VjcmV0" },
                { "kty": "OKP", "crv": "Ed25519", "kid": "e1", "use": "enc", "x": self.x },
            ] });
            IdentityProvider {
                issuer: "https://login.bank.test".to_owned(),
                audience: "tallystick".to_owned(),
                roles_claim: roles_claim.to_owned(),
                person_claim: None,
                customer_claim: None,
                household_claim: None,
                phone_claim: None,
                keys: IssuerKeys::fixed(read_keys(&set.to_string()).unwrap()),
            }
        }

        fn token(&self, change: impl FnOnce(&mut Header, &mut Value)) -> String {
            let mut header = Header::new(Algorithm::EdDSA);
            header.kid = Some("b1".to_owned());
            let mut claims = json!({
                "iss": "https://login.bank.test", "aud": ["tallystick", "other"], "sub": "c-1",
                "exp": now().unix_seconds() + 300, "iat": now().unix_seconds(),
            });
            change(&mut header, &mut claims);
            let key = match header.alg {
                Algorithm::HS256 => EncodingKey::from_secret(self.x.as_bytes()),
                _ => EncodingKey::from_ed_der(&self.der),
            };
            jsonwebtoken::encode(&header, &claims, &key).unwrap()
        }
    }

    fn now() -> Moment {
        Moment::parse("2026-11-02T10:00:00Z").unwrap()
    }

    #[test]
    fn only_keys_for_signing_are_taken_from_a_set() {
        assert_eq!(bank().issuer("roles").keys.now().len(), 1);
    }

    #[test]
    fn a_good_token_tells_the_subject_and_any_other_is_refused() {
        use IssuedTokenError::{Foreign, Header as BadHeader, Subject, UnknownKey, Untimely};
        let bank = bank();
        let issuer = bank.issuer("roles");
        let read = |change: fn(&mut Header, &mut Value)| {
            issuer
                .read_with(&issuer.keys.now(), &bank.token(change), now())
                .map(|vouched| vouched.subject)
        };
        assert_eq!(read(|_, _| {}), Ok("c-1".to_owned()));
        assert_eq!(read(|header, _| header.kid = None), Ok("c-1".to_owned()));
        assert_eq!(read(|header, _| header.kid = Some("b2".into())), Err(UnknownKey));
        assert_eq!(
            read(|header, _| header.alg = Algorithm::HS256),
            Err(BadHeader(HeaderError::Algorithm))
        );
        assert_eq!(
            read(|header, _| header.typ = Some("logout+jwt".into())),
            Err(BadHeader(HeaderError::Type))
        );
        assert_eq!(read(|_, claims| claims["iss"] = json!("https://gateway.test")), Err(Foreign));
        assert_eq!(read(|_, claims| claims["aud"] = json!("other")), Err(Foreign));
        assert_eq!(read(|_, claims| claims["exp"] = Value::Null), Err(Foreign));
        assert_eq!(read(|_, claims| claims["sub"] = json!("")), Err(Subject));
        assert_eq!(
            read(|_, claims| claims["exp"] = json!(now().unix_seconds() - 61)),
            Err(Untimely(jwt::Untimely::Expired))
        );
        assert_eq!(
            read(|_, claims| claims["nbf"] = json!(now().unix_seconds() + 61)),
            Err(Untimely(jwt::Untimely::NotYet))
        );
    }

    #[test]
    fn roles_are_an_array_of_strings_under_the_claim_that_the_settings_name() {
        let bank = bank();
        let roles = |name: &str, claim: Value| {
            let mut claim = claim;
            let token = bank.token(|_, claims| {
                let more = claim.as_object_mut().unwrap();
                claims.as_object_mut().unwrap().append(more);
            });
            let issuer = bank.issuer(name);
            issuer.read_with(&issuer.keys.now(), &token, now()).unwrap().roles
        };
        let listed = Roles::Listed(vec!["read".to_owned(), "approve".to_owned()]);
        let both = json!(["read", "approve"]);
        assert_eq!(roles("roles", json!({ "roles": both })), listed);
        let nested = json!({ "realm_access": { "roles": both } });
        assert_eq!(roles("realm_access.roles", nested.clone()), listed);
        assert_eq!(roles("roles", nested), Roles::NotListed);
        let url = "https://bank.example/roles";
        assert_eq!(roles(url, json!({ url: both })), listed);
        for odd in [Value::Null, json!("approve"), json!([1]), json!({ "approve": true })] {
            assert_eq!(roles("roles", json!({ "roles": odd })), Roles::NotListed);
        }
    }

    #[test]
    fn a_token_by_another_key_or_with_no_signature_is_refused() {
        let issuer = bank().issuer("roles");
        let foreign = bank().token(|_, _| {});
        let read = |token: &str| issuer.read_with(&issuer.keys.now(), token, now());
        assert_eq!(read(&foreign), Err(IssuedTokenError::Signature));
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
        let payload = foreign.split('.').nth(1).unwrap();
        let unsigned = format!("{header}.{payload}.");
        let refused = IssuedTokenError::Header(HeaderError::Algorithm);
        assert_eq!(read(&unsigned), Err(refused));
    }
}
