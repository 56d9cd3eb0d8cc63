//! What a running gateway looks at each second, because others change it: which tokens were
//! revoked. It forgets what has expired on the way.

use std::time::Duration;

use actix_web::web;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::clock;
use crate::http::Gateway;
use crate::store::{dpop_proofs, revoked_tokens};

/// A running watch.
pub struct Watch {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Looks between two clearances of what has expired.
const CLEAR_EVERY: u32 = 30;

/// Expired proofs forgotten in one clearance.
const PROOFS_MAX: i64 = 20_000;

/// Looks once, and then every second until it is stopped.
pub async fn start(gateway: web::Data<Gateway>) -> Watch {
    let (stop, mut stopped) = watch::channel(false);
    // Before the first request, or its token could not be taken.
    hear(&gateway).await;
    let task = tokio::spawn(async move {
        let mut looks = 0_u32;
        while !*stopped.borrow() && stopped.has_changed().is_ok() {
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                _ = stopped.changed() => return,
            }
            hear(&gateway).await;
            looks = looks.wrapping_add(1);
            if looks.is_multiple_of(CLEAR_EVERY) {
                clear(&gateway).await;
            }
        }
    });
    Watch { stop, task }
}

impl Watch {
    /// Lets the look under way end, then ends.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the watch was lost");
        }
    }
}

/// Which tokens others have revoked.
async fn hear(gateway: &Gateway) {
    let now = clock::now();
    match gateway.main.read(move |db| revoked_tokens::in_force(db, now)).await {
        Ok(tokens) => gateway.tokens.revoked.learn(tokens, now),
        Err(problem) => {
            problem.log_cause();
        }
    }
}

async fn clear(gateway: &Gateway) {
    let now = clock::now();
    let cleared = gateway
        .main
        .read(move |db| {
            db.write(|tx| {
                revoked_tokens::forget_expired(tx, now)?;
                dpop_proofs::forget_expired(tx, now, PROOFS_MAX)
            })
        })
        .await;
    if let Err(problem) = cleared {
        problem.log_cause();
    }
}
