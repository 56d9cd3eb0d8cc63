//! Long random histories of one customer at one partner, in any legal order: nothing is lost,
//! nothing goes below zero, and what is undone in full leaves nothing. With one exception, which is
//! the customer's loss and shown as such: points that were given back to a lot after its debt had
//! been paid from another lot, and expired there, are owed once that other lot is undone too.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;
use crate::clock::Moment;
use crate::event::{FingerprintKey, parse_value};
use crate::ids::{CustomerId, MemberKey, RedemptionCode};
use crate::ledger::{Account, AccountCode, Transaction};
use crate::money::{Amount, Asset};
use crate::partner::programme::Programme;

const MANIFEST: &str = r#"
id = "green-basket"
name = "Green Basket"
kind = "supermarket"
status = "sandbox"
listed = { from = "2016-01-01" }
access = { scopes = ["events:write"], requests_per_second = 1 }
redemption = { accepted = true }

[[earning]]
id = "base"
version = 1
from = "2017-01-01"
points_per_unit = "1.37"
rounding = "half_up"
partner_share = "0.4"
expires_months = 2

[[earning]]
id = "trip"
version = 1
from = "2017-01-01"
points_per_unit = "0.5"
rounding = "down"
partner_share = "0"
pending_days = 20
expires_months = 1
"#;

/// What may happen; amounts and places are taken modulo what there is.
#[derive(Clone, Debug)]
enum HistoryStep {
    Pay(i64),
    Refund(usize, i64),
    Hold(i64),
    Commit(usize, i64),
    Cancel(usize),
    Return(usize, i64),
    Wait(i64),
}

fn steps() -> impl Strategy<Value = Vec<HistoryStep>> {
    let step = prop_oneof![
        (1_i64..50_000).prop_map(HistoryStep::Pay),
        (0_usize..9, 1_i64..60_000).prop_map(|(at, minor)| HistoryStep::Refund(at, minor)),
        (1_i64..40_000).prop_map(HistoryStep::Hold),
        (0_usize..9, 1_i64..40_000).prop_map(|(at, minor)| HistoryStep::Commit(at, minor)),
        (0_usize..9).prop_map(HistoryStep::Cancel),
        (0_usize..9, 1_i64..40_000).prop_map(|(at, minor)| HistoryStep::Return(at, minor)),
        (1_i64..40).prop_map(HistoryStep::Wait),
    ];
    prop::collection::vec(step, 1..40)
}

pub(super) struct World {
    pub partner: Partner,
    pub customer: CustomerId,
    pub standings: Standings,
    pub balances: BTreeMap<Account, i64>,
    pub now: Moment,
    payments: Vec<(String, i64)>,
    refunded: Vec<i64>,
    holds: Vec<String>,
    events: usize,
}

impl World {
    pub fn new(manifest: &str) -> Self {
        Self::with_programme(manifest, &Arc::default())
    }

    /// Points may be spent at once where they were earned.
    pub fn with_programme(manifest: &str, programme: &Arc<Programme>) -> Self {
        let mut programme = Programme::clone(programme);
        programme.redemption.own_after_days = 0;
        let programme = Arc::new(programme);
        let mut partner = Partner::parse(manifest, "p.toml", "green-basket", &programme).unwrap();
        // Histories are of any sums and any dates: `exposure` tries the limits.
        (partner.exposure, partner.late_days_max) = (Vec::new(), u32::MAX);
        partner.payment_patterns.clear();
        let customer = CustomerId::random();
        let now = Moment::parse("2026-01-01T08:00:00Z").unwrap();
        let mut standings = Standings::default();
        let member = MemberKey::of(&partner.id, &"m-1".parse().unwrap());
        standings.add_customer(
            member,
            CustomerStanding { id: customer, enrolled_at: now, birth_month: None },
        );
        Self {
            partner,
            customer,
            standings,
            balances: BTreeMap::new(),
            now,
            payments: Vec::new(),
            refunded: Vec::new(),
            holds: Vec::new(),
            events: 0,
        }
    }

    /// Records an event, if it is taken; returns its id.
    pub fn say(&mut self, kind: &str, data: serde_json::Value) -> Option<String> {
        self.decide(kind, data).ok().map(|(id, _decision)| id)
    }

    /// Records an event; returns its id, and what it came to but for the postings.
    pub fn decide(
        &mut self,
        kind: &str,
        data: serde_json::Value,
    ) -> Result<(String, Decision), Refusal> {
        self.decide_at(kind, data, self.now)
    }

    /// The same for an event that happened earlier than it is recorded.
    pub fn decide_at(
        &mut self,
        kind: &str,
        data: serde_json::Value,
        at: Moment,
    ) -> Result<(String, Decision), Refusal> {
        self.events += 1;
        let id = format!("e-{}", self.events);
        let value = serde_json::json!({
            "specversion": "1.0", "id": id, "source": "/x", "type": kind,
            "time": at.to_string(), "data": data,
        });
        let key = FingerprintKey::new(b"x");
        let event = parse_value(&self.partner.id, &self.partner.limits, &value, &key).unwrap();
        let occasion = Occasion::new(at, self.now, chrono_tz::Asia::Shanghai);
        let decision = decide(&event, &self.partner, &mut self.standings, occasion)?;
        self.post(decision.clone());
        Ok((id, decision))
    }

    pub fn post(&mut self, decision: Decision) {
        let id = crate::ids::TransactionId::random();
        let transaction = Transaction::new(id, decision.postings).unwrap();
        for posting in transaction.postings() {
            *self.balances.entry(posting.account.clone()).or_default() += posting.amount.minor();
        }
    }

    pub fn wait(&mut self, days: i64) {
        self.now = self.now.plus(TimeDelta::days(days));
        let mut over = Vec::new();
        for hold in self.holds.clone() {
            let key = EventKey::of(&self.partner.id, &hold.as_str().try_into().unwrap());
            let standing = self.standings.hold(key).unwrap().clone();
            if standing.state == HoldState::Held && standing.times_out_at <= self.now {
                over.push((key, standing));
            }
        }
        let (customer, now) = (self.customer, self.now);
        let fallen = fall_due(customer, &over, &mut self.standings.lots, |_lot| now).unwrap();
        for fallen in fallen {
            self.post(fallen.decision);
        }
        for (key, standing) in over {
            let closed = HoldStanding { state: HoldState::TimedOut, ..standing };
            self.standings.add_hold(key, closed);
        }
        let again = fall_due(customer, &[], &mut self.standings.lots, |_lot| now).unwrap();
        assert!(again.is_empty(), "what fell due falls due again");
    }

    fn take(&mut self, step: &HistoryStep) {
        let text = |minor: i64, asset| Amount::from_minor(minor, asset).to_string();
        match step {
            HistoryStep::Pay(minor) => {
                let paid = text(*minor, Asset::CNY);
                let data = serde_json::json!({
                    "member": "m-1", "order": "o", "currency": "CNY", "gross": paid,
                    "discount": "0.00", "paid": paid,
                });
                let id = self.say("payment.discounted", data).unwrap();
                self.payments.push((id, *minor));
                self.refunded.push(0);
            }
            HistoryStep::Refund(at, minor) if !self.payments.is_empty() => {
                let at = at % self.payments.len();
                let (payment, paid) = self.payments[at].clone();
                let data = serde_json::json!({
                    "payment": payment, "currency": "CNY", "amount": text(*minor, Asset::CNY),
                });
                let taken = self.say("payment.refunded", data).is_some();
                assert_eq!(taken, self.refunded[at] + minor <= paid);
                self.refunded[at] += if taken { *minor } else { 0 };
            }
            HistoryStep::Hold(minor) => {
                let code = RedemptionCode::try_from("1234567890123456").unwrap();
                let good = CodeStanding {
                    customer: self.customer,
                    expires_at: self.now.plus(TimeDelta::minutes(5)),
                    used: false,
                    points: Some(Amount::max(Asset::PTS)),
                    partner: None,
                    refusals: 0,
                };
                self.standings.add_code(CodeKey::of(&code), good);
                let data = serde_json::json!({ "code": code, "points": text(*minor, Asset::PTS) });
                let held = self.say("redemption.held", data);
                self.holds.extend(held);
            }
            HistoryStep::Commit(at, minor) if !self.holds.is_empty() => {
                let hold = &self.holds[at % self.holds.len()];
                let points = text(*minor, Asset::PTS);
                let data = serde_json::json!({ "hold": hold, "points": points });
                self.say("redemption.committed", data);
            }
            HistoryStep::Cancel(at) if !self.holds.is_empty() => {
                let data = serde_json::json!({ "hold": self.holds[at % self.holds.len()] });
                self.say("redemption.cancelled", data);
            }
            HistoryStep::Return(at, minor) if !self.holds.is_empty() => {
                let hold = &self.holds[at % self.holds.len()];
                let points = text(*minor, Asset::PTS);
                let data = serde_json::json!({ "hold": hold, "points": points });
                self.say("redemption.returned", data);
            }
            HistoryStep::Wait(days) => self.wait(*days),
            HistoryStep::Refund(..)
            | HistoryStep::Commit(..)
            | HistoryStep::Cancel(_)
            | HistoryStep::Return(..) => {}
        }
    }

    pub fn balance(&self, code: AccountCode) -> i64 {
        let account = Account::customer(code, self.customer, Asset::PTS);
        self.balances.get(&account).copied().unwrap_or(0)
    }

    /// The lots are the balances, and nothing but a debt is below zero.
    fn check(&self) {
        let lots = self.standings.lots.of(self.customer);
        let sum = |part: fn(&Parts) -> Amount| -> i64 {
            lots.iter().map(|lot| part(&lot.parts).minor()).sum()
        };
        for lot in &lots {
            let Parts { pending, available, held, redeemed, expired, owed } = lot.parts;
            assert!(owed.minor() <= held.minor(), "{lot:?}");
            for part in [pending, available, held, redeemed, expired, owed] {
                assert!(!part.is_negative(), "{lot:?}");
            }
        }
        assert_eq!(self.balance(AccountCode::POINTS_PENDING), sum(|parts| parts.pending));
        assert_eq!(self.balance(AccountCode::POINTS_AVAILABLE), sum(|parts| parts.available));
        assert_eq!(self.balance(AccountCode::POINTS_HELD), sum(|parts| parts.held));
        let owed = self.standings.lots.owed(self.customer);
        assert_eq!(self.balance(AccountCode::POINTS_OWED), -owed.minor());
        assert!(!owed.is_negative());
        // All debts come from refunds: the partner bears their price, and what was redeemed is worth
        // its price, each worked out on all of it.
        let charges = self.standings.lots.charges(self.customer);
        let open: i64 = charges.iter().map(|charge| charge.open().unwrap().minor()).sum();
        assert_eq!(open, owed.minor());
        let of = |code: AccountCode| {
            let own = Account::partner(code, &self.partner.id, Asset::CNY);
            self.balances.get(&own).copied().unwrap_or(0)
        };
        let up = |minor: i64| (minor + 99) / 100;
        let borne = charges.iter().map(|it| up(it.charged.minor()) - up(it.repaid.minor()));
        assert_eq!(of(AccountCode::REFUND_CHARGE), -borne.sum::<i64>());
        let redeemed = Account::bank(AccountCode::POINTS_REDEMPTION, Asset::PTS);
        let redeemed = self.balances.get(&redeemed).copied().unwrap_or(0);
        assert_eq!(of(AccountCode::REDEMPTION_PAYABLE), redeemed / 100);
        // Points that can be spent pay a debt, but for what is owed only until a hold ends.
        let waiting = sum(|parts| parts.owed);
        let unexpired = lots.iter().filter(|lot| lot::spendable(lot, self.now));
        let unexpired: i64 = unexpired.map(|lot| lot.parts.available.minor()).sum();
        assert!(owed.minor() == waiting || unexpired == 0, "owes and has");
        let total: i64 = self
            .balances
            .iter()
            .filter(|(account, _)| account.asset == Asset::PTS)
            .map(|(_, minor)| minor)
            .sum();
        assert_eq!(total, 0);
    }

    /// Undoes all that can be undone: the books must be empty then.
    fn undo(&mut self) {
        for hold in self.holds.clone() {
            let key = EventKey::of(&self.partner.id, &hold.as_str().try_into().unwrap());
            let standing = self.standings.hold(key).unwrap().clone();
            let left = standing.committed.checked_sub(standing.returned).unwrap();
            if standing.state == HoldState::Held {
                self.say("redemption.cancelled", serde_json::json!({ "hold": hold })).unwrap();
            } else if !left.is_zero() {
                let data = serde_json::json!({ "hold": hold, "points": left });
                self.say("redemption.returned", data).unwrap();
            }
        }
        for at in 0..self.payments.len() {
            let left = self.payments[at].1 - self.refunded[at];
            if left > 0 {
                self.take(&HistoryStep::Refund(at, left));
            }
        }
    }
}

/// Plays a history, checking it at each step, and undoes it.
fn played(manifest: &str, steps: &[HistoryStep]) -> World {
    let mut world = World::new(manifest);
    for step in steps {
        world.take(step);
        world.check();
    }
    world.undo();
    // Points that were given back to a lot that had expired meanwhile expire now.
    world.wait(0);
    world.check();
    world
}

proptest! {
    #[test]
    fn a_history_undone_in_full_leaves_nothing(steps in steps()) {
        let never_expiring = MANIFEST.replace("expires_months", "# expires_months");
        for (account, minor) in &played(&never_expiring, &steps).balances {
            prop_assert_eq!(*minor, 0, "{} after {:?}", account, steps);
        }
    }

    #[test]
    fn with_expiry_it_leaves_nothing_but_what_expired_and_is_owed(steps in steps()) {
        let world = played(MANIFEST, &steps);
        let of_code = |code: AccountCode| -> i64 {
            let all = world.balances.iter().filter(|(account, _)| account.code == code);
            all.map(|(_, minor)| minor).sum()
        };
        let (owed, expired) =
            (of_code(AccountCode::POINTS_OWED), of_code(AccountCode::POINTS_BREAKAGE));
        prop_assert!(owed <= 0 && owed + expired == 0, "{:?}", world.balances);
        for (account, minor) in &world.balances {
            let counted = [AccountCode::POINTS_OWED, AccountCode::POINTS_BREAKAGE];
            let counted = counted.contains(&account.code) || charge::keeps(account.code);
            prop_assert!(counted || *minor == 0, "{} after {:?}", account, steps);
        }
    }
}
