//! The URL of a database. It stands alone, so that settings and store can share it.

/// Which of the two stores a URL names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Postgres,
    Sqlite,
}

/// The URL of a database: `postgres://…`, or `sqlite://PATH` for a file.
#[derive(Clone)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// # Errors
    /// A sentence, if the scheme is neither.
    pub fn parse(text: &str) -> Result<Self, String> {
        let known = ["postgres://", "postgresql://", "sqlite://"];
        let named = known.iter().find_map(|scheme| text.strip_prefix(scheme));
        match named {
            Some(rest) if !rest.is_empty() => Ok(Self(text.to_owned())),
            _ => Err("expected postgres://USER@HOST/DATABASE or sqlite://PATH".to_owned()),
        }
    }

    #[must_use]
    pub fn kind(&self) -> Kind {
        if self.0.starts_with("sqlite://") { Kind::Sqlite } else { Kind::Postgres }
    }

    /// The whole URL, with the password, to open the database.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether both URLs are the same text.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    /// The file of a SQLite database.
    #[must_use]
    pub fn path(&self) -> &str {
        self.0.strip_prefix("sqlite://").unwrap_or(&self.0)
    }
}

/// The URL without its password.
impl std::fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some((scheme, rest)) = self.0.split_once("://") else {
            return f.write_str("?");
        };
        let Some((login, host)) = rest.rsplit_once('@') else {
            return f.write_str(&self.0);
        };
        let user = login.split_once(':').map_or(login, |(user, _password)| user);
        // libpq also takes a password as a parameter behind the '?'.
        let host = host.split_once('?').map_or(host, |(host, _parameters)| host);
        write!(f, "{scheme}://{user}@{host}")
    }
}

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_password() {
        let url = DatabaseUrl::parse("postgres://clerk:hunter2@db.example:5432/tally").unwrap();
        assert_eq!(url.to_string(), "postgres://clerk@db.example:5432/tally");
        assert_eq!(format!("{url:?}"), "postgres://clerk@db.example:5432/tally");
    }

    #[test]
    fn a_url_of_another_database_is_refused() {
        assert!(DatabaseUrl::parse("mysql://x/y").is_err());
        assert!(DatabaseUrl::parse("sqlite://").is_err());
    }
}
