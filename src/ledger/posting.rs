use super::Account;
use crate::ids::{AccountId, LotId};
use crate::money::Amount;

/// What a rule puts on an account: positive adds to what the owner holds or is owed. Once it is
/// part of a recorded transaction it is an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting {
    pub account: Account,
    /// The account's id, worked out once: it is a hash.
    pub account_id: AccountId,
    pub amount: Amount,
    /// `kind:id@version` of the rule that proposed it.
    pub rule: RuleVersion,
    /// The lot whose points it moves.
    pub lot: Option<LotId>,
}

impl Posting {
    #[must_use]
    pub fn new(account: Account, amount: Amount, rule: &RuleVersion) -> Self {
        Self { account_id: account.id(), account, amount, rule: rule.clone(), lot: None }
    }

    /// The same, moving points of that lot.
    #[must_use]
    pub fn of_lot(self, lot: LotId) -> Self {
        Self { lot: Some(lot), ..self }
    }
}

/// Which rule, in which version, as it is kept with every entry.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct RuleVersion(String);

impl RuleVersion {
    #[must_use]
    pub fn new(kind: &str, id: &crate::ids::RuleId, version: u32) -> Self {
        Self(format!("{kind}:{id}@{version}"))
    }

    /// A rule that the program itself is, such as the proportional claw-back of a refund.
    #[must_use]
    pub fn built_in(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// The id that the rule has in its manifest; `None` for a rule that the program itself is.
    #[must_use]
    pub fn rule_id(&self) -> Option<crate::ids::RuleId> {
        let (_kind, rest) = self.0.split_once(':')?;
        let (id, _version) = rest.rsplit_once('@')?;
        crate::ids::RuleId::try_from(id).ok()
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for RuleVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
