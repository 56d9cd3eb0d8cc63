//! An OpenID Connect provider in this program, for trials on one machine: one button for each role,
//! and no password. It answers only while no partner is beyond the sandbox. It signs with a key of its
//! own, which nothing else believes.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use jsonwebtoken::EncodingKey;
use serde::Deserialize;

use super::id_token::is_same;
use crate::clock::Moment;
use crate::http::pages::forms::new_secret;
use crate::http::problem::Problem;

pub const KID: &str = "local";
/// How long a code is good, and how long an ID token.
pub const LIFE: TimeDelta = TimeDelta::seconds(60);
/// Codes that wait at once.
const WAITING_MAX: usize = 100;

/// The provider's key, and the codes that wait.
pub struct LocalProvider {
    pub client_id: String,
    pub signing: EncodingKey,
    pub public: String,
    waiting: Mutex<HashMap<String, Waiting>>,
}

pub struct Waiting {
    pub person: &'static Person,
    pub asked: Asked,
    until: Moment,
}

/// Somebody who may sign in, with the roles that the person has.
pub struct Person {
    pub name: &'static str,
    pub roles: &'static [&'static str],
    pub does: &'static str,
    pub does_zh: &'static str,
}

pub const PEOPLE: [Person; 9] = [
    Person {
        name: "clerk",
        roles: &["reconcile"],
        does: "compares statements and proposes",
        does_zh: "核对账单、提出处理意见",
    },
    Person {
        name: "settler",
        roles: &["settle"],
        does: "approves, closes months and pays out",
        does_zh: "审批、关账和付款",
    },
    Person {
        name: "adjuster",
        roles: &["adjust", "read"],
        does: "corrects points",
        does_zh: "更正积分",
    },
    Person {
        name: "approver",
        roles: &["approve", "read"],
        does: "approves corrections",
        does_zh: "审批积分更正",
    },
    Person {
        name: "decider",
        roles: &["decide", "read"],
        does: "decides on what is held",
        does_zh: "处理搁置事项",
    },
    Person {
        name: "operator",
        roles: &["operate", "read"],
        does: "looks after deliveries",
        does_zh: "运维与消息重发",
    },
    Person {
        name: "privacy",
        roles: &["privacy", "read"],
        does: "answers for personal data",
        does_zh: "个人信息保护",
    },
    Person {
        name: "manager",
        roles: &["manage"],
        does: "looks after customers",
        does_zh: "客户经理",
    },
    Person { name: "reader", roles: &["read"], does: "reads", does_zh: "只读" },
];

/// What the client asks with (RFC 6749, section 4.1.1; RFC 7636).
#[derive(Clone, Deserialize)]
pub struct Asked {
    pub response_type: String,
    pub client_id: String,
    pub redirect_uri: String,
    pub state: String,
    pub nonce: String,
    pub code_challenge: String,
    pub code_challenge_method: String,
}

/// What a code is redeemed with.
#[derive(Deserialize)]
pub struct Redemption {
    code: String,
    code_verifier: String,
    redirect_uri: String,
}

impl LocalProvider {
    /// A provider with a new key.
    ///
    /// # Errors
    /// When the system makes no key.
    pub fn new(client_id: &str) -> Result<Self, &'static str> {
        let failed = |_none| "the system makes no key";
        let der = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(failed)?;
        let pair = Ed25519KeyPair::from_pkcs8(der.as_ref()).map_err(|_bad| "the key is none")?;
        Ok(Self {
            client_id: client_id.to_owned(),
            signing: EncodingKey::from_ed_der(der.as_ref()),
            public: URL_SAFE_NO_PAD.encode(pair.public_key().as_ref()),
            waiting: Mutex::default(),
        })
    }

    /// A code for the person's sign-in.
    pub fn give(
        &self,
        person: &'static Person,
        asked: Asked,
        now: Moment,
    ) -> Result<String, Problem> {
        let code = new_secret()?;
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_code, one| now < one.until);
        if waiting.len() >= WAITING_MAX {
            return Err(Problem::too_many_requests());
        }
        waiting.insert(code.clone(), Waiting { person, asked, until: now.plus(LIFE) });
        Ok(code)
    }

    /// The sign-in of a code, once.
    pub fn take(&self, redemption: &Redemption, now: Moment) -> Option<Waiting> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let one = waiting.remove(&redemption.code)?;
        let verifier = digest(&SHA256, redemption.code_verifier.as_bytes());
        let fits = now < one.until
            && one.asked.redirect_uri == redemption.redirect_uri
            && is_same(&URL_SAFE_NO_PAD.encode(verifier), &one.asked.code_challenge);
        fits.then_some(one)
    }
}
