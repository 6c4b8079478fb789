//! Ids: a type prefix and a ULID, so that an id shows the type of the thing that it names and sorts by its
//! time. Owns their form; refuses to make randomness (entropy is an argument).

use std::fmt;
use std::str::FromStr;

use thiserror::Error;
use ulid::Ulid;

use crate::time::Timestamp;

/// The error for a text that is not an id of the expected type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("must be an id that begins with {0}")]
pub struct MalformedId(&'static str);

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The prefix of every such id.
            pub const PREFIX: &'static str = $prefix;

            /// Makes an id for a thing that was made `now`; `entropy` must be random (80 bits are used).
            #[must_use]
            pub fn new(now: Timestamp, entropy: u128) -> Self {
                let ms = u64::try_from(now.ms()).unwrap_or(0);
                Self(format!("{}{}", $prefix, Ulid::from_parts(ms, entropy)))
            }

            /// Reads `text` as an id of this type in its canonical form.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                canonical_ulid(text.strip_prefix($prefix)?).map(|_| Self(text.to_owned()))
            }

            /// The id, written out.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The ULID without its prefix.
            #[must_use]
            pub fn ulid(&self) -> &str {
                &self.0[$prefix.len()..]
            }
        }

        impl FromStr for $name {
            type Err = MalformedId;

            fn from_str(text: &str) -> Result<Self, MalformedId> {
                Self::parse(text).ok_or(MalformedId($prefix))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(/// A person's account.
    UserId, "usr_");
id!(/// One signed-in session: a family of refresh tokens.
    SessionId, "ses_");
id!(/// A personal API key.
    KeyId, "key_");
id!(/// A generation, which is also the job that makes it.
    GenerationId, "gen_");
id!(/// An uploaded file.
    FileId, "fil_");
id!(/// A project.
    ProjectId, "prj_");
id!(/// A team.
    TeamId, "team_");
id!(/// An invitation into a team.
    InvitationId, "inv_");
id!(/// Credits that a member moved into a team's wallet; both ledger entries are named after it.
    TransferId, "trf_");
id!(/// A quote: a price promised for a while.
    QuoteId, "qte_");
id!(/// A webhook endpoint: an address that is told about events.
    WebhookEndpointId, "whe_");
id!(/// An event that webhooks tell.
    EventId, "evt_");
id!(/// A style: a custom one or a preset.
    StyleId, "sty_");
id!(/// A grant or an adjustment of an admin's; the ledger entry that books it is named after it.
    GrantId, "grt_");

impl WebhookEndpointId {
    /// Returns the id that stands for an endpoint when the address is a generation's own.
    #[must_use]
    pub fn of(generation: &GenerationId) -> Self {
        Self(format!("{}{}", Self::PREFIX, generation.ulid()))
    }
}

/// The owner of a wallet and of things. Everything that belongs to a tenant is read and written under its
/// tenant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Tenant {
    /// A person on their own.
    User(UserId),
    /// A team.
    Team(TeamId),
}

impl Tenant {
    /// The id under which everything of this tenant is kept.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::User(user) => user.as_str(),
            Self::Team(team) => team.as_str(),
        }
    }

    /// Reads the id of a tenant.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let user = UserId::parse(text).map(Self::User);
        user.or_else(|| TeamId::parse(text).map(Self::Team))
    }
}

impl From<&UserId> for Tenant {
    fn from(user: &UserId) -> Self {
        Self::User(user.clone())
    }
}

impl From<&TeamId> for Tenant {
    fn from(team: &TeamId) -> Self {
        Self::Team(team.clone())
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Reads a ULID in its one canonical form: 26 upper-case Crockford base-32 digits, at most 128 bits.
fn canonical_ulid(text: &str) -> Option<Ulid> {
    let ulid = Ulid::from_string(text).ok()?;
    (ulid.to_string() == text).then_some(ulid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_id_reads_back_as_itself_and_as_nothing_else(ms in 0_i64..(1 << 47), entropy: u128) {
            let id = GenerationId::new(Timestamp::from_ms(ms), entropy);
            prop_assert_eq!(GenerationId::parse(id.as_str()), Some(id.clone()));
            prop_assert_eq!(UserId::parse(id.as_str()), None);
            prop_assert_eq!(GenerationId::parse(&id.as_str().to_lowercase()), None);
        }

        #[test]
        fn no_text_at_all_makes_parsing_panic(text in "\\PC*") {
            let _ = GenerationId::parse(&text);
            let _ = GenerationId::parse(&format!("gen_{text}"));
        }

        #[test]
        fn later_ids_sort_later(ms in 0_i64..(1 << 46), more in 1_i64..(1 << 46), a: u128, b: u128) {
            let first = GenerationId::new(Timestamp::from_ms(ms), a);
            let second = GenerationId::new(Timestamp::from_ms(ms + more), b);
            prop_assert!(first < second);
        }
    }
}
