//! What one customer with ten thousand lots costs: work that grows with the square of the lots would
//! stop all partners, because the decision is made under a lock that they share.

use std::time::{Duration, Instant};

use chrono::TimeDelta;

use super::*;
use crate::clock::Moment;
use crate::event::{FingerprintKey, parse_value};
use crate::ids::{CustomerId, LotId, RedemptionCode};
use crate::money::{Amount, Asset};
use crate::partner::programme::Programme;
use std::sync::Arc;

const LOTS: usize = 10_000;
/// Linear work takes some hundredths of a second without optimisation; quadratic work takes minutes.
const BOUND: Duration = Duration::from_secs(5);

struct Spender {
    partner: Partner,
    customer: CustomerId,
    standings: Standings,
    now: Moment,
}

fn points(minor: i64) -> Amount {
    Amount::from_minor(minor, Asset::PTS)
}

impl Spender {
    /// A customer with ten thousand lots of 1.00 points each, all different in their dates.
    fn new(pending: bool, owed: i64) -> Self {
        let manifest = r#"
            id = "green-basket"
            name = "Green Basket"
            kind = "supermarket"
            status = "full"
            listed = { from = "2016-01-01" }
            access = { scopes = ["events:write"], requests_per_second = 1 }
            redemption = { accepted = true }

            [[earning]]
            id = "base"
            version = 1
            from = "2017-01-01"
            points_per_unit = "1"
            rounding = "down"
            partner_share = "0.4"
        "#;
        let mut programme = Programme::default();
        programme.codes.confirm_above = points(i64::MAX);
        let programme = Arc::new(programme);
        let mut partner = Partner::parse(manifest, "p.toml", "green-basket", &programme).unwrap();
        partner.exposure.clear();
        partner.payment_patterns.clear();
        let (customer, mut standings) = (CustomerId::random(), Standings::default());
        let now = Moment::parse("2026-01-01T08:00:00Z").unwrap();
        for number in 0..LOTS {
            let seconds = TimeDelta::seconds(i64::try_from(number).unwrap());
            let (waiting, there) = if pending { (100, 0) } else { (0, 100) };
            standings.lots.add(Lot {
                id: LotId::random(),
                customer,
                matures_at: pending.then(|| now.plus(TimeDelta::days(1)).plus(seconds)),
                expires_at: Some(now.plus(TimeDelta::days(60)).plus(seconds)),
                reported: None,
                parts: Parts { pending: points(waiting), available: points(there), ..Parts::NONE },
                stand: LotStand::Free,
            });
        }
        standings.lots.add_owed(customer, points(owed));
        Self { partner, customer, standings, now }
    }

    fn say(&mut self, id: &str, kind: &str, data: serde_json::Value) -> Decision {
        let value = serde_json::json!({
            "specversion": "1.0", "id": id, "source": "/x", "type": kind,
            "time": self.now.to_string(), "data": data,
        });
        let event =
            parse_value(&self.partner.id, &self.partner.limits, &value, &FingerprintKey::new(b"x"))
                .unwrap();
        let occasion = Occasion::new(self.now, self.now, chrono_tz::Asia::Shanghai);
        decide(&event, &self.partner, &mut self.standings, occasion).unwrap()
    }

    fn hold_all(&mut self) {
        let code = RedemptionCode::try_from("1234567890123456").unwrap();
        let expires_at = self.now.plus(TimeDelta::minutes(5));
        let good = CodeStanding {
            customer: self.customer,
            expires_at,
            used: false,
            points: Some(points(i64::MAX)),
            partner: None,
            refusals: 0,
        };
        self.standings.add_code(CodeKey::of(&code), good);
        let data = serde_json::json!({ "code": code, "points": "10000.00" });
        self.say("hold-1", "redemption.held", data);
    }

    fn hold_key(&self) -> EventKey {
        EventKey::of(&self.partner.id, &"hold-1".try_into().unwrap())
    }
}

fn within<T>(work: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let done = work();
    assert!(began.elapsed() < BOUND, "took {:?}", began.elapsed());
    done
}

#[test]
fn ten_thousand_lots_are_held_and_committed() {
    let mut spender = Spender::new(false, 0);
    within(|| spender.hold_all());
    // A refund of what is held meanwhile: each lot has a debt that waits for the hold.
    let data = serde_json::json!({ "hold": "hold-1", "points": "5000.00" });
    let decision = within(|| spender.say("commit-1", "redemption.committed", data));
    assert_eq!(decision.postings.len(), 2 * LOTS + 2);
    let data = serde_json::json!({ "hold": "hold-1", "points": "5000.00" });
    within(|| spender.say("return-1", "redemption.returned", data));
}

#[test]
fn ten_thousand_lots_are_freed_by_a_cancellation() {
    let mut spender = Spender::new(false, 0);
    spender.hold_all();
    spender.standings.lots.add_owed(spender.customer, points(500_000));
    let data = serde_json::json!({ "hold": "hold-1" });
    within(|| spender.say("cancel-1", "redemption.cancelled", data));
    assert_eq!(spender.standings.lots.owed(spender.customer), points(0));
}

#[test]
fn ten_thousand_lots_are_freed_when_a_hold_times_out() {
    let mut spender = Spender::new(false, 0);
    spender.hold_all();
    spender.standings.lots.add_owed(spender.customer, points(500_000));
    let (key, later) = (spender.hold_key(), spender.now.plus(TimeDelta::days(1)));
    let hold = spender.standings.hold(key).unwrap().clone();
    let (customer, lots) = (spender.customer, &mut spender.standings.lots);
    let fallen = within(|| fall_due(customer, &[(key, hold)], lots, |_lot| later).unwrap());
    assert_eq!(fallen.len(), 1);
    assert_eq!(spender.standings.lots.owed(customer), points(0));
}

#[test]
fn ten_thousand_lots_mature_and_expire_each_at_its_moment() {
    let mut spender = Spender::new(true, 500_000);
    let later = spender.now.plus(TimeDelta::days(90));
    let (customer, lots) = (spender.customer, &mut spender.standings.lots);
    let fallen = within(|| fall_due(customer, &[], lots, |_lot| later).unwrap());
    // Half of them pay the debt and have nothing left to expire.
    assert_eq!(fallen.len(), LOTS + LOTS / 2);
    assert!(fallen.windows(2).all(|pair| pair[0].effective_at <= pair[1].effective_at));
}
