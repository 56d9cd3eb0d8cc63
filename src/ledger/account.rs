use std::fmt;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize, Serializer};

use crate::ids::{AccountId, CustomerId, PartnerId};
use crate::money::Asset;

/// A kind of account, from the chart. The chart is data: `chart.toml`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountCode(&'static str);

/// The owner of an account.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Owner {
    Bank,
    Partner(PartnerId),
    Customer(CustomerId),
}

/// One account: what it is for, whose it is, and in which asset.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Account {
    pub code: AccountCode,
    pub owner: Owner,
    pub asset: Asset,
}

/// One line of the chart of accounts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChartLine {
    pub code: String,
    pub owner: OwnerKind,
    pub asset: String,
    pub name: String,
    pub name_zh: String,
}

/// Who may own accounts of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OwnerKind {
    Bank,
    Partner,
    Customer,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Chart {
    account: Vec<ChartLine>,
}

// The chart is part of the program; a test below proves that it parses.
static CHART: LazyLock<Vec<ChartLine>> = LazyLock::new(|| {
    toml::from_str::<Chart>(include_str!("chart.toml"))
        .map(|chart| chart.account)
        .unwrap_or_default()
});

/// The chart of accounts, in its order.
#[must_use]
pub fn chart() -> &'static [ChartLine] {
    &CHART
}

impl AccountCode {
    pub const POINTS_AVAILABLE: Self = Self("points_available");
    pub const POINTS_PENDING: Self = Self("points_pending");
    pub const POINTS_HELD: Self = Self("points_held");
    pub const POINTS_OWED: Self = Self("points_owed");
    pub const POINTS_REDEMPTION: Self = Self("points_redemption");
    pub const POINTS_BREAKAGE: Self = Self("points_breakage");
    pub const POINTS_ADJUSTMENT: Self = Self("points_adjustment");
    pub const POINTS_FUNDING: Self = Self("points_funding");
    pub const POINTS_LIABILITY: Self = Self("points_liability");
    pub const POINTS_REFERRAL: Self = Self("points_referral");
    pub const PAYABLE_FROZEN: Self = Self("payable_frozen");
    pub const SUBSIDY_PAYABLE: Self = Self("subsidy_payable");
    pub const SUBSIDY_EXPENSE: Self = Self("subsidy_expense");
    pub const COMMISSION_PAYABLE: Self = Self("commission_payable");
    pub const COMMISSION_PENDING: Self = Self("commission_pending");
    pub const REFERRAL_EXPENSE: Self = Self("referral_expense");
    pub const INSTALMENT_FEE_INCOME: Self = Self("instalment_fee_income");
    pub const FEE_WAIVER_EXPENSE: Self = Self("fee_waiver_expense");
    pub const REDEMPTION_PAYABLE: Self = Self("redemption_payable");
    pub const REDEMPTION_EXPENSE: Self = Self("redemption_expense");
    pub const REFUND_CHARGE: Self = Self("refund_charge");
    pub const REFUND_RECOVERY: Self = Self("refund_recovery");
    pub const SETTLEMENT_PAYABLE: Self = Self("settlement_payable");
    pub const SETTLEMENT_EXPENSE: Self = Self("settlement_expense");
    pub const PAYOUT_PAID: Self = Self("payout_paid");
    pub const PAYOUT_ACCOUNT: Self = Self("payout_account");

    /// The code of that name; `None` when the chart has none.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        chart().iter().find(|line| line.code == name).map(|line| Self(line.code.as_str()))
    }

    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0
    }
}

impl Account {
    #[must_use]
    pub const fn customer(code: AccountCode, customer: CustomerId, asset: Asset) -> Self {
        Self { code, owner: Owner::Customer(customer), asset }
    }

    #[must_use]
    pub fn partner(code: AccountCode, partner: &PartnerId, asset: Asset) -> Self {
        Self { code, owner: Owner::Partner(partner.clone()), asset }
    }

    #[must_use]
    pub const fn bank(code: AccountCode, asset: Asset) -> Self {
        Self { code, owner: Owner::Bank, asset }
    }

    /// The accounts of the bank, which events of all partners post to.
    pub fn of_bank() -> impl Iterator<Item = Self> {
        let shared = chart().iter().filter(|line| line.owner == OwnerKind::Bank);
        shared.filter_map(|line| {
            let asset = Asset::by_code(&line.asset).ok()?;
            Some(Self::bank(AccountCode(line.code.as_str()), asset))
        })
    }

    /// The customer whose account it is, if it is a customer's.
    #[must_use]
    pub const fn customer_id(&self) -> Option<CustomerId> {
        match self.owner {
            Owner::Customer(id) => Some(id),
            Owner::Bank | Owner::Partner(_) => None,
        }
    }

    #[must_use]
    pub fn id(&self) -> AccountId {
        let (code, owner) = (self.code.name(), self.owner.name());
        AccountId::of_name(&[self.owner.kind(), &owner, code, self.asset.code()])
    }
}

impl Owner {
    /// As the store keeps it: bank, partner or customer.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Bank => "bank",
            Self::Partner(_) => "partner",
            Self::Customer(_) => "customer",
        }
    }

    /// The owner's id; the bank's is its kind.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Bank => "bank".to_owned(),
            Self::Partner(id) => id.to_string(),
            Self::Customer(id) => id.to_string(),
        }
    }
}

/// `owner-kind/owner/code/asset`: the account's name.
impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, owner) = (self.owner.kind(), self.owner.name());
        write!(f, "{kind}/{owner}/{}/{}", self.code.name(), self.asset)
    }
}

impl fmt::Debug for AccountCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Serialize for AccountCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chart_names_every_account_the_program_posts_to() {
        for code in [
            AccountCode::POINTS_AVAILABLE,
            AccountCode::POINTS_PENDING,
            AccountCode::POINTS_HELD,
            AccountCode::POINTS_OWED,
            AccountCode::POINTS_REDEMPTION,
            AccountCode::POINTS_BREAKAGE,
            AccountCode::POINTS_ADJUSTMENT,
            AccountCode::INSTALMENT_FEE_INCOME,
            AccountCode::FEE_WAIVER_EXPENSE,
            AccountCode::REDEMPTION_PAYABLE,
            AccountCode::REDEMPTION_EXPENSE,
            AccountCode::REFUND_CHARGE,
            AccountCode::REFUND_RECOVERY,
            AccountCode::SETTLEMENT_PAYABLE,
            AccountCode::SETTLEMENT_EXPENSE,
            AccountCode::PAYOUT_PAID,
            AccountCode::PAYOUT_ACCOUNT,
            AccountCode::POINTS_FUNDING,
            AccountCode::POINTS_LIABILITY,
            AccountCode::POINTS_REFERRAL,
            AccountCode::SUBSIDY_PAYABLE,
            AccountCode::SUBSIDY_EXPENSE,
            AccountCode::COMMISSION_PAYABLE,
            AccountCode::COMMISSION_PENDING,
            AccountCode::REFERRAL_EXPENSE,
        ] {
            let line = chart().iter().find(|line| line.code == code.name()).unwrap();
            assert!(Asset::by_code(&line.asset).is_ok(), "{line:?}");
        }
    }

    #[test]
    fn accounts_that_differ_in_anything_have_different_ids() {
        let partner = PartnerId::try_from("green-basket").unwrap();
        let accounts = [
            Account::bank(AccountCode::SUBSIDY_EXPENSE, Asset::CNY),
            Account::bank(AccountCode::SUBSIDY_EXPENSE, Asset::PTS),
            Account::bank(AccountCode::REFERRAL_EXPENSE, Asset::CNY),
            Account::partner(AccountCode::SUBSIDY_EXPENSE, &partner, Asset::CNY),
        ];
        let ids: std::collections::BTreeSet<AccountId> = accounts.iter().map(Account::id).collect();
        assert_eq!(ids.len(), accounts.len());
    }
}
