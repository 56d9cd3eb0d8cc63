//! One customer's points, as plainly as they can be kept: lists, loops and whole numbers of
//! hundredths. Nothing of `src/program` is used.

use std::collections::BTreeMap;

/// The slug of the problem that the answer must name.
pub type Refused = &'static str;

#[derive(Clone, Debug, Default)]
struct Lot {
    expires: String,
    pending: i128,
    available: i128,
    held: i128,
    redeemed: i128,
    /// What waits for the end of a hold.
    owed: i128,
}

/// What a payment brought by one rule.
#[derive(Clone, Debug)]
struct Brought {
    lot: usize,
    points: i128,
    by_partner: i128,
}

#[derive(Clone, Debug)]
pub struct Payment {
    pub id: String,
    paid: i128,
    refunded: i128,
    brought: Vec<Brought>,
}

#[derive(Clone, Debug)]
pub struct Hold {
    pub id: String,
    points: i128,
    state: &'static str,
    held: Vec<(usize, i128)>,
    redeemed: Vec<(usize, i128)>,
    committed: i128,
    returned: i128,
}

#[derive(Clone, Debug, Default)]
pub struct Book {
    lots: Vec<Lot>,
    /// All that is owed, with what waits for holds.
    owed: i128,
    funding: i128,
    liability: i128,
    /// Points redeemed, less those returned.
    redeemed: i128,
    /// Points for which the partner was ever charged, and those that were repaid.
    charged: i128,
    repaid: i128,
    pub payments: Vec<Payment>,
    pub holds: Vec<Hold>,
}

/// Rounded up.
fn up(dividend: i128, divisor: i128) -> i128 {
    (dividend + divisor - 1) / divisor
}

/// Half away from zero; none of these is below zero.
fn divided(dividend: i128, divisor: i128) -> i128 {
    (dividend + divisor / 2) / divisor
}

impl Payment {
    pub fn left(&self) -> i128 {
        self.paid - self.refunded
    }
}

impl Brought {
    /// What is taken back of the customer once so much is refunded, and what the partner bore of it.
    fn back(&self, refunded: i128, paid: i128) -> (i128, i128) {
        let points = divided(self.points * refunded, paid);
        (points, divided(points * self.by_partner, self.points))
    }
}

impl Book {
    /// First to expire first, then the oldest.
    fn in_order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.lots.len()).collect();
        order.sort_by_key(|lot| (self.lots[*lot].expires.clone(), *lot));
        order
    }

    /// A debt that waits for no hold is paid from these points.
    fn recover(&mut self, lot: usize, points: i128) {
        let due = self.owed - self.lots.iter().map(|lot| lot.owed).sum::<i128>();
        let paid = due.min(points);
        self.lots[lot].available -= paid;
        self.owed -= paid;
        self.repaid += paid;
    }

    fn open(&mut self, points: i128, expires: &str, pending: bool) -> Option<usize> {
        if points == 0 {
            return None;
        }
        self.lots.push(Lot { expires: expires.to_owned(), ..Lot::default() });
        let lot = self.lots.len() - 1;
        if pending {
            self.lots[lot].pending = points;
        } else {
            self.lots[lot].available = points;
            self.recover(lot, points);
        }
        Some(lot)
    }

    pub fn pay(&mut self, id: &str, paid: i128, expires: &str, new: bool) -> Result<(), Refused> {
        let (base, trip) = (divided(paid * 137, 100), paid * 50 / 100);
        let by_partner = divided(base * 40, 100);
        let mut brought = Vec::new();
        for (points, by_partner, pending) in [(base, by_partner, false), (trip, 0, new)] {
            if let Some(lot) = self.open(points, expires, pending) {
                brought.push(Brought { lot, points, by_partner });
            }
            self.funding -= by_partner;
            self.liability -= points - by_partner;
        }
        self.payments.push(Payment { id: id.to_owned(), paid, refunded: 0, brought });
        self.checked()
    }

    pub fn refund(&mut self, id: &str, amount: i128) -> Result<(), Refused> {
        let at = self.payments.iter().position(|payment| payment.id == id).unwrap();
        let made = self.payments[at].clone();
        if amount > made.left() {
            return Err("refund-exceeds");
        }
        self.payments[at].refunded += amount;
        // Each rule's points from its own lot; what was spent of them, from any other.
        let mut spent = 0;
        for brought in &made.brought {
            let (before, partner_before) = brought.back(made.refunded, made.paid);
            let (now, partner_now) = brought.back(made.refunded + amount, made.paid);
            let by_partner = partner_now - partner_before;
            self.funding += by_partner;
            self.liability += now - before - by_partner;
            let lot = &mut self.lots[brought.lot];
            let mut left = now - before;
            for part in [&mut lot.pending, &mut lot.available] {
                let taken = left.min(*part);
                *part -= taken;
                left -= taken;
            }
            let waits = left.min(lot.held - lot.owed);
            lot.owed += waits;
            self.owed += waits;
            self.charged += waits;
            spent += left - waits;
        }
        for lot in self.in_order() {
            let taken = spent.min(self.lots[lot].available);
            self.lots[lot].available -= taken;
            spent -= taken;
        }
        self.owed += spent;
        self.charged += spent;
        self.checked()
    }

    /// What can be held now.
    pub fn free(&self) -> i128 {
        self.lots.iter().map(|lot| lot.available).sum::<i128>() - self.owed
    }

    pub fn hold(&mut self, id: &str, points: i128) -> Result<(), Refused> {
        if points > self.free() {
            return Err("points-insufficient");
        }
        let (mut left, mut held) = (points, Vec::new());
        for lot in self.in_order() {
            let taken = left.min(self.lots[lot].available);
            if taken > 0 {
                self.lots[lot].available -= taken;
                self.lots[lot].held += taken;
                held.push((lot, taken));
                left -= taken;
            }
        }
        let id = id.to_owned();
        let (redeemed, state) = (Vec::new(), "held");
        self.holds.push(Hold { id, points, state, held, redeemed, committed: 0, returned: 0 });
        self.checked()
    }

    pub fn hold_points(&self, id: &str) -> i128 {
        self.holds.iter().find(|hold| hold.id == id).unwrap().points
    }

    fn find(&self, id: &str, state: &str) -> Result<usize, Refused> {
        let at = self.holds.iter().position(|hold| hold.id == id).unwrap();
        if self.holds[at].state == state { Ok(at) } else { Err("hold-closed") }
    }

    fn release(&mut self, lot: usize, points: i128) {
        self.lots[lot].held -= points;
        self.lots[lot].available += points;
        let paid = self.lots[lot].owed.min(points);
        self.lots[lot].available -= paid;
        self.lots[lot].owed -= paid;
        self.owed -= paid;
        self.repaid += paid;
        self.recover(lot, points - paid);
    }

    pub fn commit(&mut self, id: &str, points: i128) -> Result<(), Refused> {
        let at = self.find(id, "held")?;
        let (mut left, mut redeemed) = (points, Vec::new());
        for (lot, held) in self.holds[at].held.clone() {
            let spent = left.min(held);
            left -= spent;
            if spent > 0 {
                self.lots[lot].held -= spent;
                self.lots[lot].redeemed += spent;
                // What waited for it is owed at once.
                self.lots[lot].owed = self.lots[lot].owed.min(self.lots[lot].held);
                redeemed.push((lot, spent));
            }
            self.release(lot, held - spent);
        }
        for lot in self.in_order() {
            self.recover(lot, self.lots[lot].available);
        }
        self.redeemed += points;
        let hold = &mut self.holds[at];
        (hold.state, hold.committed, hold.redeemed) = ("committed", points, redeemed);
        self.checked()
    }

    pub fn cancel(&mut self, id: &str) -> Result<(), Refused> {
        let at = self.find(id, "held")?;
        self.holds[at].state = "cancelled";
        for (lot, held) in self.holds[at].held.clone() {
            self.release(lot, held);
        }
        self.checked()
    }

    /// Last spent, first returned.
    pub fn give_back(&mut self, id: &str, points: i128) -> Result<(), Refused> {
        let at = self.find(id, "committed")?;
        let hold = self.holds[at].clone();
        if hold.returned + points > hold.committed {
            return Err("redemption-exceeds");
        }
        self.redeemed -= points;
        self.holds[at].returned += points;
        let mut left = points;
        for number in (0..hold.redeemed.len()).rev() {
            let (lot, redeemed) = hold.redeemed[number];
            let returned = left.min(redeemed);
            left -= returned;
            self.holds[at].redeemed[number].1 -= returned;
            self.lots[lot].redeemed -= returned;
            self.lots[lot].available += returned;
            self.recover(lot, returned);
        }
        self.checked()
    }

    /// What is on the accounts, by code.
    pub fn sums(&self) -> BTreeMap<String, i128> {
        let sum = |part: fn(&Lot) -> i128| self.lots.iter().map(part).sum::<i128>();
        let all = [
            ("points_pending", sum(|lot| lot.pending)),
            ("points_available", sum(|lot| lot.available)),
            ("points_held", sum(|lot| lot.held)),
            ("points_redemption", sum(|lot| lot.redeemed)),
            ("points_owed", -self.owed),
            ("points_funding", self.funding),
            ("points_liability", self.liability),
            ("redemption_payable", self.redeemed / 100),
            ("refund_charge", up(self.repaid, 100) - up(self.charged, 100)),
            ("refund_recovery", up(self.charged, 100) - up(self.repaid, 100)),
        ];
        all.into_iter().map(|(code, sum)| (code.to_owned(), sum)).collect()
    }

    /// What has been put on them since.
    pub fn since(&self, before: &Self) -> BTreeMap<String, i128> {
        let mut more = self.sums();
        for (code, sum) in before.sums() {
            *more.entry(code).or_default() -= sum;
        }
        more.retain(|_code, sum| *sum != 0);
        more
    }

    pub fn expiring(&self) -> BTreeMap<String, i128> {
        let mut sums = BTreeMap::new();
        for lot in self.lots.iter().filter(|lot| lot.available > 0) {
            *sums.entry(lot.expires.clone()).or_default() += lot.available;
        }
        sums
    }

    fn checked(&self) -> Result<(), Refused> {
        for lot in &self.lots {
            for part in [lot.pending, lot.available, lot.held, lot.redeemed, lot.owed] {
                assert!(part >= 0, "the model itself is wrong: {lot:?}");
            }
        }
        Ok(())
    }
}
