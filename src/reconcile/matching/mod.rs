//! Holds a partner's lines against our events. The result does not depend on the order in which the
//! rows come: both sides are brought into one order by what they say, and of rows that say the same it
//! does not matter which is taken. What fits in more than one way is shown and never chosen.
//!
//! The passes that are usual, each on what the passes before have left. A manifest may name them in another
//! order, or fewer of them:
//!
//! | pass | agrees | comes to |
//! |---|---|---|
//! | 1 | kind, event id, amount | a match |
//! | 2 | kind, order, amount | a match |
//! | 3 | the same, with an event of ours outside the month | `CUTOFF` |
//! | 3a | kind, event id or order, and nearly the amount (`tolerance_max` of the manifest) | a match |
//! | 4 | kind, event id or order | `AMOUNT_DIFF`, `CURRENCY_DIFF`; several: `CANDIDATE`, `AMBIGUOUS` |
//! | 5 | the same, with a line that the partner calls void | `STATUS_DIFF` |
//! | 6 | event id, and another kind | `STATUS_DIFF` |
//! | 7 | event id, with an event of ours of another time, or a reversed one | `OTHER_PERIOD`, `STATUS_DIFF` |
//! | 8 | kind, amount, day, store | `CANDIDATE`, `AMBIGUOUS` |
//! | 8a | kind, day, store: several rows and one row come to the same (`sum_rows_max`) | `CANDIDATE`, `AMBIGUOUS` |
//! | 9 | nothing | `DUPLICATE`, `STATUS_DIFF`, `MISSING_…` |
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm))]

mod apart;
mod leftovers;
mod rule;
mod side;
mod sums;

use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;

pub use apart::ApartPair;
pub use rule::MatchRule;

use self::apart::{Apart, Meeting};
use self::leftovers::{Left, named};
use self::side::{Rows, Side};
use self::sums::{FoundSum, SumSearch};
use crate::ids::ItemName;
use crate::money::{Amount, Asset};
use crate::partner::matching::{MatchPass, MatchingRules};
use crate::reconcile::break_code::BreakCode;
use crate::reconcile::item::{Currency, Item, ItemKind, ItemStanding};
use crate::reconcile::tally::{RowEnd, SideTally};

/// The version of the passes. A match says by which it was made.
pub const RULES_VERSION: i64 = 4;

/// A line, and the event that agrees with it, by their places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pair {
    pub theirs: usize,
    pub ours: Option<usize>,
    pub rule: MatchRule,
}

/// What does not match, by the places of its rows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    pub code: BreakCode,
    pub theirs: Vec<usize>,
    pub ours: Vec<usize>,
    /// The row of the same side that a duplicate repeats.
    pub twin: Option<usize>,
}

/// What came of comparing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matching {
    /// By the line's place.
    pub pairs: Vec<Pair>,
    pub differences: Vec<Difference>,
    pub theirs: SideTally,
    pub ours: SideTally,
    /// What matches by tolerance are apart, all together, in hundredths.
    pub tolerated: u64,
    /// Rows for which the search for sums gave up.
    pub sums_given_up: u64,
}

/// Holds the lines against the events. What people keep apart never meets.
#[must_use]
pub fn compare(
    rules: &MatchingRules,
    theirs: &[Item],
    ours: &[Item],
    apart: &[ApartPair],
) -> Matching {
    let mut table = Table::new(rules, theirs, ours, apart);
    for pass in &rules.passes {
        table.pass(*pass);
    }
    table.agree_on_void();
    table.name_what_is_left();
    table.result()
}

/// Which rows a pass looks at.
#[derive(Clone, Copy)]
struct Standings {
    theirs: ItemStanding,
    ours: ItemStanding,
}

/// What a pass does with the rows of one key.
type Act<'a> = fn(&mut Table<'a>, Rows<'_>, Rows<'_>);

struct Table<'a> {
    theirs: Side<'a>,
    ours: Side<'a>,
    pairs: Vec<Pair>,
    differences: Vec<Difference>,
    tolerance: Tolerance,
    sums: SumSearch,
    apart: Apart,
}

/// In hundredths of CNY.
struct Tolerance {
    max: u64,
    /// What is left of the month's.
    left: u64,
    used: u64,
}

impl<'a> Table<'a> {
    fn new(
        rules: &MatchingRules,
        theirs: &'a [Item],
        ours: &'a [Item],
        apart: &[ApartPair],
    ) -> Self {
        let (theirs, ours) = (Side::new(theirs), Side::new(ours));
        let apart = Apart::new(apart, &theirs, &ours);
        let fen = |amount: Amount| u64::try_from(amount.minor()).unwrap_or(0);
        Self {
            theirs,
            ours,
            apart,
            pairs: Vec::new(),
            differences: Vec::new(),
            tolerance: Tolerance {
                max: fen(rules.tolerance_max),
                left: fen(rules.tolerance_month_max),
                used: 0,
            },
            sums: SumSearch {
                rows_max: usize::try_from(rules.sum_rows_max).unwrap_or(0),
                steps_left: rules.sum_steps_max,
                given_up: 0,
            },
        }
    }

    fn pass(&mut self, pass: MatchPass) {
        let good = Standings { theirs: ItemStanding::Good, ours: ItemStanding::Good };
        let outside = Standings { theirs: ItemStanding::Good, ours: ItemStanding::Outside };
        let void = Standings { theirs: ItemStanding::Void, ours: ItemStanding::Good };
        match pass {
            MatchPass::EventId => {
                self.join(good, |it| Some((it.kind, it.event?, it.value)), Self::pair_by_id);
            }
            MatchPass::Order => {
                self.join(good, |it| Some((it.kind, it.order?, it.value)), Self::pair_by_order);
            }
            MatchPass::Cutoff => {
                self.join(outside, |it| Some((it.kind, it.event?, it.value)), Self::cut_off);
                self.join(outside, |it| Some((it.kind, it.order?, it.value)), Self::cut_off);
            }
            MatchPass::Tolerance => {
                self.join(good, |it| Some((it.kind, it.event?)), Self::tolerate);
                self.join(good, |it| Some((it.kind, it.order?)), Self::tolerate);
            }
            MatchPass::Difference => {
                self.join(good, |it| Some((it.kind, it.event?)), Self::differ);
                self.join(good, |it| Some((it.kind, it.order?)), Self::differ);
            }
            MatchPass::Void => {
                self.join(void, |it| Some((it.kind, it.event?)), Self::differ_in_status);
                self.join(void, |it| Some((it.kind, it.order?)), Self::differ_in_status);
            }
            MatchPass::OtherKind => self.join(good, |it| it.event, Self::differ_in_kind),
            MatchPass::Elsewhere => self.know_by_id(),
            MatchPass::Candidate => {
                self.join(good, |it| Some((it.kind, it.value, it.day, it.store?)), Self::may_fit);
            }
            MatchPass::Sums => {
                if self.sums.rows_max > 1 {
                    let alike = |it: &Item| Some((it.kind, it.value.currency, it.day, it.store?));
                    self.join_all(good, alike, Self::sum_ours);
                    self.join_all(good, alike, Self::sum_theirs);
                }
            }
        }
    }

    /// Calls `act` for each key that free rows of both sides have. Where people keep some of them apart,
    /// and which of the others belong together is not sure, nobody chooses.
    fn join<K: Ord>(
        &mut self,
        standings: Standings,
        key: impl Fn(&Item) -> Option<K>,
        act: Act<'a>,
    ) {
        self.join_all(standings, key, |table, theirs, ours| {
            match table.apart.meeting(theirs, ours) {
                Meeting::All => act(table, theirs, ours),
                Meeting::Nothing => {}
                Meeting::Some { theirs, ours, is_free: true } => act(table, &theirs, &ours),
                Meeting::Some { theirs, ours, is_free: false } => {
                    table.differ_by(BreakCode::Ambiguous, &theirs, &ours);
                }
            }
        });
    }

    /// The same, whatever people keep apart: for sums, which people look at in any case.
    fn join_all<K: Ord>(
        &mut self,
        standings: Standings,
        key: impl Fn(&Item) -> Option<K>,
        act: impl Fn(&mut Self, Rows<'_>, Rows<'_>),
    ) {
        let theirs = self.theirs.keyed(standings.theirs, &key);
        let ours = self.ours.keyed(standings.ours, &key);
        let (said, kept) = (Rc::clone(&self.theirs.items), Rc::clone(&self.ours.items));
        let key_of = |items: &[&Item], row: Option<&usize>| key(items.get(*row?)?);
        let alike = |items: &[&Item], one: &usize, other: &usize| {
            key_of(items, Some(one)) == key_of(items, Some(other))
        };
        let mut groups = ours.chunk_by(|one, other| alike(&kept, one, other)).peekable();
        for group in theirs.chunk_by(|one, other| alike(&said, one, other)) {
            let wanted = key_of(&said, group.first());
            while groups.next_if(|other| key_of(&kept, other.first()) < wanted).is_some() {}
            if let Some(other) = groups.next_if(|other| key_of(&kept, other.first()) == wanted) {
                act(self, group, other);
            }
        }
    }

    fn pair(&mut self, theirs: usize, ours: usize, rule: MatchRule) {
        self.theirs.end(theirs, RowEnd::Matched);
        self.ours.end(ours, RowEnd::Matched);
        let (theirs, ours) = (self.theirs.place(theirs), Some(self.ours.place(ours)));
        self.pairs.push(Pair { theirs, ours, rule });
    }

    fn zip(&mut self, theirs: Rows<'_>, ours: Rows<'_>, rule: MatchRule) {
        theirs.iter().zip(ours).for_each(|(theirs, ours)| self.pair(*theirs, *ours, rule));
    }

    fn differ_by(&mut self, code: BreakCode, theirs: Rows<'_>, ours: Rows<'_>) {
        theirs.iter().for_each(|row| self.theirs.end(*row, RowEnd::Broken));
        ours.iter().for_each(|row| self.ours.end(*row, RowEnd::Broken));
        let places = |side: &Side<'_>, rows: Rows<'_>| {
            let mut places: Vec<usize> = rows.iter().map(|row| side.place(*row)).collect();
            places.sort_unstable();
            places
        };
        let (theirs, ours) = (places(&self.theirs, theirs), places(&self.ours, ours));
        self.differences.push(Difference { code, theirs, ours, twin: None });
    }

    /// An id is one event: what stands more often is a duplicate.
    fn pair_by_id(&mut self, theirs: Rows<'_>, ours: Rows<'_>) {
        self.zip(theirs, ours, MatchRule::EventId);
    }

    /// An order may have several payments of one amount. As many on both sides match. Where one side
    /// has more, moment and day tell which; where they do not, nobody chooses.
    fn pair_by_order(&mut self, theirs: Rows<'_>, ours: Rows<'_>) {
        let rule = MatchRule::Order;
        if theirs.len() == ours.len() {
            let (theirs, ours) = (by_time(&self.theirs, theirs), by_time(&self.ours, ours));
            return self.zip(&theirs, &ours, rule);
        }
        let (theirs, ours) = self.pair_where_even(theirs, ours, |it| it.at);
        let (theirs, ours) = self.pair_where_even(&theirs, &ours, |it| it.day);
        if theirs.is_empty() || ours.is_empty() {
            return;
        }
        let (more, side) = match theirs.len() > ours.len() {
            true => (&theirs, &self.theirs),
            false => (&ours, &self.ours),
        };
        if theirs.len() == ours.len() || side.are_twins(more) {
            self.zip(&theirs, &ours, rule);
        } else {
            self.differ_by(BreakCode::Ambiguous, &theirs, &ours);
        }
    }

    /// Pairs the rows of each time at which both sides have as many. Returns the others.
    fn pair_where_even<K: Ord>(
        &mut self,
        theirs: Rows<'_>,
        ours: Rows<'_>,
        time: impl Fn(&Item) -> K,
    ) -> (Vec<usize>, Vec<usize>) {
        let mut at: BTreeMap<K, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
        for row in theirs {
            let Some(item) = self.theirs.get(*row) else { continue };
            at.entry(time(item)).or_default().0.push(*row);
        }
        for row in ours {
            let Some(item) = self.ours.get(*row) else { continue };
            at.entry(time(item)).or_default().1.push(*row);
        }
        let mut left = (Vec::new(), Vec::new());
        for (theirs, ours) in at.into_values() {
            if theirs.len() == ours.len() {
                self.zip(&theirs, &ours, MatchRule::Order);
            } else {
                left.0.extend(theirs);
                left.1.extend(ours);
            }
        }
        left
    }

    fn cut_off(&mut self, theirs: Rows<'_>, ours: Rows<'_>) {
        for (theirs, ours) in theirs.iter().zip(ours) {
            self.differ_by(BreakCode::Cutoff, &[*theirs], &[*ours]);
        }
    }

    /// The key agrees, and the amounts are as near as the manifest allows.
    fn tolerate(&mut self, theirs: Rows<'_>, ours: Rows<'_>) {
        let ([their], [our]) = (theirs, ours) else { return };
        let (said, kept) = (self.theirs.get(*their), self.ours.get(*our));
        let (Some(said), Some(kept)) = (said.map(|it| it.value), kept.map(|it| it.value)) else {
            return;
        };
        if said.currency != kept.currency || said.currency != Currency::of(Asset::CNY) {
            return;
        }
        let apart = said.minor.abs_diff(kept.minor);
        let left = self.tolerance.left.checked_sub(apart);
        if let Some(left) = left.filter(|_left| apart <= self.tolerance.max) {
            self.tolerance.left = left;
            self.tolerance.used = self.tolerance.used.saturating_add(apart);
            self.pair(*their, *our, MatchRule::Tolerance);
        }
    }

    /// The key agrees, and the amount does not.
    fn differ(&mut self, theirs: Rows<'_>, ours: Rows<'_>) {
        let (said, kept) = (self.theirs.sum(theirs), self.ours.sum(ours));
        let code = match (theirs, ours) {
            ([_], [_]) => match (said, kept) {
                (Some(said), Some(kept)) if said.currency == kept.currency => BreakCode::AmountDiff,
                _ => BreakCode::CurrencyDiff,
            },
            // Parts of one payment, or one payment of several parts.
            ([_], _) | (_, [_]) if said.is_some() && said == kept => BreakCode::Candidate,
            _ => BreakCode::Ambiguous,
        };
        self.differ_by(code, theirs, ours);
    }

    fn sum_ours(&mut self, theirs: Rows<'_>, ours: Rows<'_>) {
        let found = self.sums.find(&self.theirs.minors(theirs), &self.ours.minors(ours));
        for FoundSum { ones, several, is_only } in found {
            self.differ_by(in_sum(is_only), &ones, &several);
        }
    }

    fn sum_theirs(&mut self, theirs: Rows<'_>, ours: Rows<'_>) {
        let found = self.sums.find(&self.ours.minors(ours), &self.theirs.minors(theirs));
        for FoundSum { ones, several, is_only } in found {
            self.differ_by(in_sum(is_only), &several, &ones);
        }
    }

    fn differ_in_status(&mut self, theirs: Rows<'_>, ours: Rows<'_>) {
        if theirs.len() == ours.len() {
            self.differ_one_by_one(theirs, ours);
        } else {
            self.differ_by(BreakCode::Ambiguous, theirs, ours);
        }
    }

    fn differ_in_kind(&mut self, theirs: Rows<'_>, ours: Rows<'_>) {
        if let ([_], [_]) = (theirs, ours) {
            self.differ_by(BreakCode::StatusDiff, theirs, ours);
        }
    }

    /// Lines whose event our books have, and do not count in this month.
    fn know_by_id(&mut self) {
        let good = |ours| Standings { theirs: ItemStanding::Good, ours };
        let void = |ours| Standings { theirs: ItemStanding::Void, ours };
        for ours in [ItemStanding::Outside, ItemStanding::Elsewhere] {
            self.join(good(ours), |it| it.event, Self::stand_elsewhere);
            self.join(void(ours), |it| it.event, Self::differ_one_by_one);
        }
        self.join(good(ItemStanding::Reversed), |it| it.event, Self::differ_one_by_one);
    }

    fn stand_elsewhere(&mut self, theirs: Rows<'_>, ours: Rows<'_>) {
        for (theirs, ours) in theirs.iter().zip(ours) {
            self.differ_by(BreakCode::OtherPeriod, &[*theirs], &[*ours]);
        }
    }

    fn differ_one_by_one(&mut self, theirs: Rows<'_>, ours: Rows<'_>) {
        for (theirs, ours) in theirs.iter().zip(ours) {
            self.differ_by(BreakCode::StatusDiff, &[*theirs], &[*ours]);
        }
    }

    fn may_fit(&mut self, theirs: Rows<'_>, ours: Rows<'_>) {
        let code = match (theirs, ours) {
            ([_], [_]) => BreakCode::Candidate,
            _ => BreakCode::Ambiguous,
        };
        self.differ_by(code, theirs, ours);
    }

    /// Lines that came to nothing, and of which we have nothing.
    fn agree_on_void(&mut self) {
        let void: Vec<usize> =
            self.theirs.free(ItemStanding::Void).map(|(row, _item)| row).collect();
        for row in void {
            self.theirs.end(row, RowEnd::Matched);
            let theirs = self.theirs.place(row);
            self.pairs.push(Pair { theirs, ours: None, rule: MatchRule::Void });
        }
    }

    fn name_what_is_left(&mut self) {
        let known = self.orders_known_to_both();
        let theirs = named(&self.theirs, BreakCode::MissingInGateway, &known);
        let ours = named(&self.ours, BreakCode::MissingAtPartner, &known);
        for Left { row, code, twin } in theirs {
            self.theirs.end(row, RowEnd::Broken);
            let theirs = vec![self.theirs.place(row)];
            self.differences.push(Difference { code, theirs, ours: Vec::new(), twin });
        }
        for Left { row, code, twin } in ours {
            self.ours.end(row, RowEnd::Broken);
            let ours = vec![self.ours.place(row)];
            self.differences.push(Difference { code, theirs: Vec::new(), ours, twin });
        }
    }

    /// The orders of refunds that are left whose payment matches.
    fn orders_known_to_both(&self) -> HashSet<ItemName> {
        let refunds = |side: &Side<'_>| -> Vec<ItemName> {
            let free = side.free(ItemStanding::Good);
            free.filter(|(_row, item)| item.kind == ItemKind::Refund)
                .filter_map(|(_row, item)| item.order)
                .collect()
        };
        let mut asked: HashSet<ItemName> = refunds(&self.theirs).into_iter().collect();
        asked.extend(refunds(&self.ours));
        let mut known = HashSet::new();
        if asked.is_empty() {
            return known;
        }
        for side in [&self.theirs, &self.ours] {
            let matched = side.items.iter().zip(&side.ends);
            let payments = matched
                .filter(|(item, end)| item.kind == ItemKind::Payment && **end == RowEnd::Matched);
            let orders = payments.filter_map(|(item, _end)| item.order);
            known.extend(orders.filter(|order| asked.contains(order)));
        }
        known
    }

    fn result(mut self) -> Matching {
        self.pairs.sort_unstable();
        self.differences.sort_unstable();
        let (theirs, ours) = (self.theirs.tally(), self.ours.tally());
        Matching {
            pairs: self.pairs,
            differences: self.differences,
            theirs,
            ours,
            tolerated: self.tolerance.used,
            sums_given_up: self.sums.given_up,
        }
    }
}

const fn in_sum(is_only: bool) -> BreakCode {
    if is_only { BreakCode::Candidate } else { BreakCode::Ambiguous }
}

fn by_time(side: &Side<'_>, rows: Rows<'_>) -> Vec<usize> {
    let mut rows = rows.to_vec();
    rows.sort_by_key(|row| side.get(*row).map(|item| item.at));
    rows
}

#[cfg(test)]
mod tests;
