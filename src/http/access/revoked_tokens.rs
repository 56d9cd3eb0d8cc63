//! Tokens that were revoked, as this gateway knows them: all that the database has, read again
//! each second, and its own at once. Old news is no news: then no token is taken.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use chrono::TimeDelta;
use uuid::Uuid;

use crate::clock::Moment;

/// How old the news may be.
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

/// What can be said of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Good,
    Revoked,
    /// The database has not been heard of for too long.
    Unsure,
}

impl Revoked {
    /// Takes in what the database says now. What it does not say and is known here stays: it may
    /// have been revoked after it was asked.
    pub fn learn(&self, tokens: impl IntoIterator<Item = (Uuid, Moment)>, now: Moment) {
        let mut news = self.0.write().unwrap_or_else(PoisonError::into_inner);
        news.tokens.retain(|_jti, expires_at| now < *expires_at);
        news.tokens.extend(tokens);
        news.heard_at = Some(now);
    }

    /// Takes in one that was revoked here.
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
        // It need not be known for longer than it would have been good.
        revoked.learn([], expires_at);
        assert!(revoked.0.read().unwrap().tokens.is_empty());
    }
}
