//! Tokens of ours that were revoked, as this gateway knows them. The list is read from the database
//! each second; a token that is revoked here is added at once. When the list is too old, no token
//! is accepted.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use chrono::TimeDelta;
use uuid::Uuid;

use crate::clock::Moment;

/// Maximum age of the list.
const NEWS_AGE_MAX: TimeDelta = TimeDelta::seconds(30);

/// The tokens revoked that have not expired.
#[derive(Default)]
pub struct Revoked(RwLock<News>);

#[derive(Default)]
struct News {
    /// By jti, until when they would have been good.
    tokens: HashMap<Uuid, Moment>,
    /// When the database was asked last.
    heard_at: Option<Moment>,
}

/// Whether a token was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Good,
    Revoked,
    /// The list is too old to tell.
    Unsure,
}

impl Revoked {
    /// Adds what the database lists now. A token that is known here and not listed stays: it may have
    /// been revoked after the database was read.
    pub fn learn(&self, tokens: impl IntoIterator<Item = (Uuid, Moment)>, now: Moment) {
        let mut news = self.0.write().unwrap_or_else(PoisonError::into_inner);
        news.tokens.retain(|_jti, expires_at| now < *expires_at);
        news.tokens.extend(tokens);
        news.heard_at = Some(now);
    }

    /// Adds a token that was revoked here.
    pub fn add(&self, jti: Uuid, expires_at: Moment) {
        let mut news = self.0.write().unwrap_or_else(PoisonError::into_inner);
        news.tokens.insert(jti, expires_at);
    }

    #[must_use]
    pub fn standing(&self, jti: &Uuid, now: Moment) -> Standing {
        let news = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if news.tokens.contains_key(jti) {
            return Standing::Revoked;
        }
        let fresh = news.heard_at.is_some_and(|at| now < at.plus(NEWS_AGE_MAX));
        if fresh { Standing::Good } else { Standing::Unsure }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_revoked_here_stays_so_and_old_news_is_none() {
        let now = Moment::parse("2026-11-02T10:00:00Z").unwrap();
        let (revoked, jti) = (Revoked::default(), Uuid::now_v7());
        assert_eq!(revoked.standing(&jti, now), Standing::Unsure);
        revoked.learn([], now);
        assert_eq!(revoked.standing(&jti, now), Standing::Good);
        assert_eq!(revoked.standing(&jti, now.plus(NEWS_AGE_MAX)), Standing::Unsure);
        let expires_at = now.plus(TimeDelta::minutes(5));
        revoked.add(jti, expires_at);
        revoked.learn([], now.plus(TimeDelta::seconds(1)));
        assert_eq!(revoked.standing(&jti, now), Standing::Revoked);
        // A token that has expired need not be known.
        revoked.learn([], expires_at);
        assert!(revoked.0.read().unwrap().tokens.is_empty());
    }
}
