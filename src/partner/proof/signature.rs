//! HTTP Message Signatures (RFC 9421) over method, target and the digest of the body (RFC 9530): a
//! partner cannot deny later what it signed. A replayed signature does no harm, because the event
//! that it covers is idempotent.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::digest::{self, SHA256, SHA512};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use jsonwebtoken::Algorithm;
use jsonwebtoken::jwk::ThumbprintHash;
use serde::{Deserialize, Serialize};
use sfv::{Dictionary, FieldType, InnerList, Item, List, ListEntry, Parser};

use super::key::PartnerKey;
use crate::clock::Moment;
use crate::jwt::SKEW;

/// The parameter `tag` that marks our signature where a request has several.
pub const TAG: &str = "tallystick";

/// The greatest age of a signature on arrival.
pub const AGE_MAX: TimeDelta = TimeDelta::seconds(300);

/// The components that a signature must cover.
const COVERED: [&str; 3] = ["@method", "@target-uri", "content-digest"];

const FIELD_BYTES_MAX: usize = 16 * 1024;
const SIGNATURES_MAX: usize = 8;
const COMPONENTS_MAX: usize = 32;

/// A request as it was signed.
pub struct Message<'a> {
    pub method: &'a str,
    /// Our own URL with the path and query asked for.
    pub target_uri: &'a str,
    /// A field's value, by its lower-case name; several lines are joined by a comma.
    pub field: &'a dyn Fn(&str) -> Option<String>,
    pub body: &'a [u8],
}

/// A verified signature, with all that is needed to verify it again.
#[derive(Clone, Debug)]
pub struct Signed {
    pub kid: String,
    /// As RFC 9421 names it.
    pub algorithm: &'static str,
    /// The key's thumbprint (RFC 7638, SHA-256).
    pub thumbprint: String,
    /// The public key (RFC 7517).
    pub jwk: String,
    pub created_at: Moment,
    pub content: Content,
}

/// What was signed, without the body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    pub method: String,
    pub target_uri: String,
    /// The fields that the signature covers, `signature-input` and `signature`.
    pub headers: BTreeMap<String, String>,
    pub signature_base: String,
}

/// Why a signature is refused, in words for the partner's integrator.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum SignatureError {
    #[error("This partner's requests must be signed (RFC 9421): Signature-Input and Signature.")]
    Required,
    #[error("{0}")]
    Malformed(String),
    #[error("Signature: no key {kid:?} of yours is registered")]
    UnknownKey { kid: String },
    #[error("Signature: the key is registered for {expected}, not for what alg says")]
    OtherAlgorithm { expected: &'static str },
    #[error("Signature: an RS256 key signs no requests; register one for EdDSA, ES256 or PS256")]
    UnfitKey,
    #[error("Signature-Input: created lies more than {} s back", AGE_MAX.num_seconds())]
    TooOld,
    #[error("Signature-Input: created lies in the future: check your clock")]
    FromFuture,
    #[error("Signature-Input: the signature has expired (expires)")]
    Expired,
    #[error(
        "Signature: it does not fit the request and the key; the signature base here is made of {0}"
    )]
    Unfit(String),
    #[error("Content-Digest: the body is another")]
    OtherBody,
}

fn malformed<T>(what: impl Into<String>) -> Result<T, SignatureError> {
    Err(SignatureError::Malformed(what.into()))
}

/// The request's signature fields, read; nothing is verified yet.
struct Presented {
    label: sfv::Key,
    input: InnerList,
    signature: Vec<u8>,
}

/// How a key of a manifest signs requests.
struct Scheme {
    algorithm: Algorithm,
    /// As RFC 9421 names it.
    name: &'static str,
}

/// Verifies the signature on a request by one of the keys. `None`: the request has no signature,
/// and needs none.
pub fn verify<'k>(
    message: &Message<'_>,
    mut keys: impl Iterator<Item = &'k PartnerKey>,
    required: bool,
    now: Moment,
) -> Result<Option<Signed>, SignatureError> {
    let Some(Presented { label, input, signature }) = presented(message, required)? else {
        return Ok(None);
    };
    let parameters = Parameters::read(&input)?;
    let key = keys.find(|key| key.kid == parameters.keyid);
    let key = key.ok_or(SignatureError::UnknownKey { kid: parameters.keyid.clone() })?;
    let scheme = scheme_of(key)?;
    if parameters.alg.is_some_and(|alg| alg != scheme.name) {
        return Err(SignatureError::OtherAlgorithm { expected: scheme.name });
    }
    parameters.in_time(now)?;
    let Base { text, mut headers, parameters: signed_parameters } = base(message, &input)?;
    if !fits(&signature, &text, key, &scheme) {
        // The names are of the caller's own request, and do not hold its token.
        let mut names: Vec<&str> = headers.keys().map(String::as_str).collect();
        names.extend(["@method", message.method, "@target-uri", message.target_uri]);
        return Err(SignatureError::Unfit(names.join(" ")));
    }
    check_digest(headers.get("content-digest").map_or("", String::as_str), message.body)?;
    let label = label.as_str();
    headers.insert("signature-input".to_owned(), format!("{label}={signed_parameters}"));
    headers.insert("signature".to_owned(), format!("{label}=:{}:", STANDARD.encode(&signature)));
    let unwritable = |_error| SignatureError::UnfitKey;
    let thumbprint = key.jwk.thumbprint(ThumbprintHash::SHA256);
    Ok(Some(Signed {
        kid: key.kid.clone(),
        algorithm: scheme.name,
        thumbprint: thumbprint.map_err(|_other| SignatureError::UnfitKey)?,
        jwk: serde_json::to_string(&key.jwk).map_err(unwritable)?,
        created_at: parameters.created,
        content: Content {
            method: message.method.to_owned(),
            target_uri: message.target_uri.to_owned(),
            headers,
            signature_base: text,
        },
    }))
}

/// Reads `Signature-Input` and `Signature`. `None`: neither is there, and none is required.
fn presented(message: &Message<'_>, required: bool) -> Result<Option<Presented>, SignatureError> {
    let fields = ((message.field)("signature-input"), (message.field)("signature"));
    let (inputs, signatures) = match fields {
        (None, None) if required => return Err(SignatureError::Required),
        (None, None) => return Ok(None),
        (Some(inputs), Some(signatures)) => (inputs, signatures),
        (Some(_), None) | (None, Some(_)) => {
            return malformed("Signature-Input and Signature come together.");
        }
    };
    let inputs = dictionary("Signature-Input", &inputs)?;
    let signatures = dictionary("Signature", &signatures)?;
    let (label, input) = chosen(&inputs)?;
    let signature = match signatures.get(label) {
        Some(ListEntry::Item(item)) => item.bare_item.as_byte_sequence(),
        Some(ListEntry::InnerList(_)) | None => None,
    };
    let Some(signature) = signature else {
        return malformed(format!(
            "Signature: expected {}=:…:, as in Signature-Input",
            label.as_str()
        ));
    };
    let (label, input) = (label.clone(), input.clone());
    Ok(Some(Presented { label, input, signature: signature.to_vec() }))
}

fn scheme_of(key: &PartnerKey) -> Result<Scheme, SignatureError> {
    let (algorithm, name) = match key.algorithm {
        Algorithm::EdDSA => (Algorithm::EdDSA, "ed25519"),
        Algorithm::ES256 => (Algorithm::ES256, "ecdsa-p256-sha256"),
        // The same scheme; RFC 9421 has it with SHA-512 only.
        Algorithm::PS256 => (Algorithm::PS512, "rsa-pss-sha512"),
        _ => return Err(SignatureError::UnfitKey),
    };
    Ok(Scheme { algorithm, name })
}

fn fits(signature: &[u8], base: &str, key: &PartnerKey, scheme: &Scheme) -> bool {
    let text = URL_SAFE_NO_PAD.encode(signature);
    let verified =
        jsonwebtoken::crypto::verify(&text, base.as_bytes(), &key.decoding, scheme.algorithm);
    matches!(verified, Ok(true))
}

fn dictionary(name: &str, text: &str) -> Result<Dictionary, SignatureError> {
    if text.len() > FIELD_BYTES_MAX {
        return malformed(format!("{name}: longer than {FIELD_BYTES_MAX} bytes"));
    }
    let parsed: Result<Dictionary, _> = Parser::new(text).parse();
    match parsed {
        Ok(dictionary) if dictionary.len() <= SIGNATURES_MAX => Ok(dictionary),
        Ok(_) => malformed(format!("{name}: more than {SIGNATURES_MAX} members")),
        Err(error) => malformed(format!("{name}: not a dictionary (RFC 9651): {error}")),
    }
}

/// Chooses the signature with our tag. Without one, a single signature without any tag is taken.
fn chosen(inputs: &Dictionary) -> Result<(&sfv::Key, &InnerList), SignatureError> {
    let tag = |list: &InnerList| {
        list.params.get("tag").map(|tag| tag.as_string().is_some_and(|tag| tag.as_str() == TAG))
    };
    let mut lists = Vec::new();
    for (label, entry) in inputs {
        match entry {
            ListEntry::InnerList(list) => lists.push((label, list)),
            ListEntry::Item(_) => {
                return malformed("Signature-Input: expected lists of components");
            }
        }
    }
    let tagged: Vec<_> = lists.iter().filter(|(_label, list)| tag(list) == Some(true)).collect();
    match (tagged.as_slice(), lists.as_slice()) {
        ([one], _) => Ok(**one),
        ([], [only]) if tag(only.1).is_none() => Ok(*only),
        _ => malformed(format!("Signature-Input: expected one signature with tag=\"{TAG}\"")),
    }
}

/// The parameters of a signature that we check; all others are only signed.
struct Parameters<'a> {
    created: Moment,
    expires: Option<Moment>,
    keyid: String,
    alg: Option<&'a str>,
}

impl<'a> Parameters<'a> {
    fn read(input: &'a InnerList) -> Result<Self, SignatureError> {
        let moment = |name: &str| match input.params.get(name) {
            None => Ok(None),
            Some(value) => {
                match value.as_integer().map(i64::from).and_then(Moment::from_unix_seconds) {
                    Some(moment) => Ok(Some(moment)),
                    None => {
                        malformed(format!("Signature-Input: {name}: expected seconds since 1970"))
                    }
                }
            }
        };
        let text = |name: &str| match input.params.get(name) {
            None => Ok(None),
            Some(value) => match value.as_string() {
                Some(text) => Ok(Some(text.as_str())),
                None => malformed(format!("Signature-Input: {name}: expected a string")),
            },
        };
        let _checked = text("nonce")?;
        let missing =
            |name| SignatureError::Malformed(format!("Signature-Input: {name} is missing"));
        Ok(Self {
            created: moment("created")?.ok_or_else(|| missing("created"))?,
            expires: moment("expires")?,
            keyid: text("keyid")?.ok_or_else(|| missing("keyid"))?.to_owned(),
            alg: text("alg")?,
        })
    }

    fn in_time(&self, now: Moment) -> Result<(), SignatureError> {
        if self.created > now.plus(SKEW) {
            Err(SignatureError::FromFuture)
        } else if self.created < now.minus(AGE_MAX) {
            Err(SignatureError::TooOld)
        } else if self.expires.is_some_and(|at| at <= now) {
            Err(SignatureError::Expired)
        } else {
            Ok(())
        }
    }
}

/// A signature base (RFC 9421, section 2.5).
struct Base {
    text: String,
    /// The fields that the base holds.
    headers: BTreeMap<String, String>,
    /// The serialised parameters (`@signature-params`).
    parameters: String,
}

fn base(message: &Message<'_>, input: &InnerList) -> Result<Base, SignatureError> {
    if input.items.len() > COMPONENTS_MAX {
        return malformed(format!("Signature-Input: more than {COMPONENTS_MAX} components"));
    }
    let mut seen = BTreeSet::new();
    let (mut lines, mut headers) = (String::new(), BTreeMap::new());
    for item in &input.items {
        let Some(name) = item.bare_item.as_string().map(|name| name.as_str()) else {
            return malformed("Signature-Input: a component is not a string");
        };
        if !item.params.is_empty() {
            return malformed(format!(
                "Signature-Input: {name}: parameters of components are not taken"
            ));
        }
        if !seen.insert(name) {
            return malformed(format!("Signature-Input: {name} stands twice"));
        }
        let value = if name.starts_with('@') {
            derived(message, name)?
        } else {
            let value = (message.field)(name).filter(|_value| name == name.to_ascii_lowercase());
            let Some(value) = value else {
                return malformed(format!("Signature-Input: the request has no field {name}"));
            };
            headers.insert(name.to_owned(), value.clone());
            value
        };
        lines.push_str(&format!("{}: {value}\n", Item::new(item.bare_item.clone()).serialize()));
    }
    if let Some(missing) = COVERED.iter().find(|name| !seen.contains(*name)) {
        return malformed(format!("Signature-Input: {missing} must be covered"));
    }
    let list: List = vec![ListEntry::InnerList(input.clone())];
    let parameters = list.serialize().unwrap_or_default();
    lines.push_str(&format!("\"@signature-params\": {parameters}"));
    Ok(Base { text: lines, headers, parameters })
}

/// The value of a derived component (RFC 9421, section 2.2).
fn derived(message: &Message<'_>, name: &str) -> Result<String, SignatureError> {
    let (scheme, rest) = message.target_uri.split_once("://").unwrap_or_default();
    let (authority, target) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Ok(match name {
        "@method" => message.method.to_owned(),
        "@target-uri" => message.target_uri.to_owned(),
        "@authority" => authority.to_ascii_lowercase(),
        "@scheme" => scheme.to_ascii_lowercase(),
        "@request-target" => target.to_owned(),
        "@path" => path.to_owned(),
        "@query" => format!("?{query}"),
        _ => return malformed(format!("Signature-Input: {name} is not known for requests")),
    })
}

/// Every digest by an algorithm that we know must be the body's, and there must be one (RFC 9530).
fn check_digest(text: &str, body: &[u8]) -> Result<(), SignatureError> {
    let digests = dictionary("Content-Digest", text)?;
    let mut known = 0_usize;
    for (name, algorithm) in [("sha-256", &SHA256), ("sha-512", &SHA512)] {
        let Some(entry) = digests.get(name) else { continue };
        known = known.saturating_add(1);
        let stated = match entry {
            ListEntry::Item(item) => item.bare_item.as_byte_sequence(),
            ListEntry::InnerList(_) => None,
        };
        if stated != Some(digest::digest(algorithm, body).as_ref()) {
            return Err(SignatureError::OtherBody);
        }
    }
    if known == 0 {
        return malformed("Content-Digest: expected sha-256 or sha-512");
    }
    Ok(())
}

impl Content {
    /// The content with the body, as it is sealed: a line of JSON, then the body's bytes.
    ///
    /// # Errors
    /// serde's, when there is no memory for it.
    pub fn with_body(&self, body: &[u8]) -> Result<Vec<u8>, serde_json::Error> {
        let mut bytes = serde_json::to_vec(self)?;
        bytes.push(b'\n');
        bytes.extend_from_slice(body);
        Ok(bytes)
    }

    /// Without the body, as it is sealed when the body may not be kept. The signature base holds the
    /// body's digest: whoever has the body can still show that it was signed.
    ///
    /// # Errors
    /// serde's, when there is no memory for it.
    pub fn without_body(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// From what was sealed: what was signed, and the body, where it was kept.
    #[must_use]
    pub fn split(bytes: &[u8]) -> Option<(Self, Option<&[u8]>)> {
        let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
            return Some((serde_json::from_slice(bytes).ok()?, None));
        };
        let (line, body) = bytes.split_at_checked(end)?;
        Some((serde_json::from_slice(line).ok()?, Some(body.get(1..)?)))
    }
}
