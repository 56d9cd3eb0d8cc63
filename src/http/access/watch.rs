//! Each second a running gateway reads what other gateways change: which tokens were
//! revoked. It forgets what has expired on the way.

use std::convert::Infallible;
use std::time::Duration;

use actix_web::web;

use crate::clock;
use crate::http::Gateway;
use crate::partner::single_use;
use crate::store::revoked_tokens;
use crate::task::{self, Chore, Round, Schedule, Task, Turn};

/// The watch over what others change.
pub struct Watch {
    gateway: web::Data<Gateway>,
    looks: u32,
}

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Looks between two clearances of what has expired.
const CLEAR_EVERY: u32 = 30;

/// Looks once before it returns, and then every second until it is stopped.
pub async fn start(gateway: web::Data<Gateway>) -> Task {
    // Before the first request, or its token could not be taken.
    hear(&gateway).await;
    let pulse = gateway.metrics.pulse("revocations");
    let schedule = Schedule::new("revocations", LOOK_EVERY, pulse).after_a_pause();
    task::every(schedule, Watch { gateway, looks: 0 })
}

impl Chore for Watch {
    type Error = Infallible;

    async fn round(&mut self, _turn: Turn) -> Result<Round, Infallible> {
        let mut is_well = hear(&self.gateway).await;
        self.looks = self.looks.wrapping_add(1);
        if self.looks.is_multiple_of(CLEAR_EVERY) {
            is_well &= clear(&self.gateway).await;
        }
        Ok(if is_well { Round::Done } else { Round::Failed })
    }
}

/// Which tokens others have revoked.
async fn hear(gateway: &Gateway) -> bool {
    let now = clock::now();
    match gateway.main.ask(move |db| revoked_tokens::in_force(db, now)).await {
        Ok(tokens) => {
            gateway.tokens.revoked.learn(tokens, now);
            true
        }
        Err(error) => {
            tracing::warn!(%error, "revoked tokens cannot be read now");
            false
        }
    }
}

async fn clear(gateway: &Gateway) -> bool {
    let now = clock::now();
    let cleared = gateway.main.ask(move |db| single_use::forget_expired(db, now)).await;
    if let Err(error) = &cleared {
        tracing::warn!(%error, "expired tokens and proofs cannot be cleared now");
    }
    cleared.is_ok()
}
