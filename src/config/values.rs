//! Option values that have rules of their own, checked once, where they are read.

use std::fmt;
use std::str::FromStr;

/// The longest name that PostgreSQL keeps, in bytes (NAMEDATALEN − 1).
const NAME_MAX_BYTES: usize = 63;
/// What a slot's name begins with.
const SLOT_PREFIX: &str = "tg_";

/// A connection URL. It may hold a password, so it is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// The URL itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for DatabaseUrl {
    fn from(url: String) -> Self {
        DatabaseUrl(url)
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DatabaseUrl(..)")
    }
}

/// The name of one server among those that follow a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance(String);

impl Instance {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The replication slot's name.
    pub fn slot(&self) -> String {
        format!("{SLOT_PREFIX}{}", self.0)
    }

    /// One that follows the same database for a while, with a slot of its own: so named, as far as
    /// there is room for this name.
    pub fn beside(&self, what: &str) -> Self {
        let room = NAME_MAX_BYTES.saturating_sub(SLOT_PREFIX.len() + "_".len() + what.len());
        // It is ASCII.
        let name = self.0.get(..room).unwrap_or(&self.0);
        Instance(format!("{name}_{what}"))
    }
}

impl FromStr for Instance {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let maximum = NAME_MAX_BYTES - SLOT_PREFIX.len();
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        if (1..=maximum).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Instance(text.to_owned()))
        } else {
            Err(format!("it names a replication slot: use 1 to {maximum} of a-z, 0-9 and _"))
        }
    }
}

/// The name of a publication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication(String);

impl Publication {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Publication {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // It goes into a list of names within a replication command.
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        if (1..=NAME_MAX_BYTES).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Publication(text.to_owned()))
        } else {
            Err(format!("use 1 to {NAME_MAX_BYTES} of A-Z, a-z, 0-9 and _"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_makes_a_valid_slot_name() {
        assert_eq!("replica_2".parse::<Instance>().unwrap().slot(), "tg_replica_2");
        "x".repeat(60).parse::<Instance>().unwrap();
        for bad in ["", "A", "a-b", "a b", "é", &"x".repeat(61)] {
            assert!(bad.parse::<Instance>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_publication_needs_no_quoting_within_a_list() {
        "Teamgraph_1".parse::<Publication>().unwrap();
        for bad in ["", "a,b", "a b", "a'b", &"x".repeat(64)] {
            assert!(bad.parse::<Publication>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_url_does_not_show_its_password() {
        let url = DatabaseUrl::from("postgresql://u:secret@h/d".to_owned());
        assert!(!format!("{url:?}").contains("secret"));
    }
}
