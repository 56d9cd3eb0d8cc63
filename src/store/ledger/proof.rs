//! Queries that prove the books from the entries. Sums are made by the database in integers:
//! diesel's own `sum` of a BIGINT is read back as a float on SQLite.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::proof_of_breaks::{CHARGED, PAYOUTS, SETTLED, UNPAID, UNSETTLED};
use super::proof_of_holds::{
    ANSWERED, CHARGES, CONFIRMATIONS, COUNTERS_MISSING, HELD, HELD_REWARDS, HOLD_VALUES, RELEASED,
};
use crate::ids::AccountId;
use crate::ledger::TransactionKind;
use crate::ledger::kinds::Basis;
use crate::referral::ReferralState;
use crate::store::schema::accounts;
use crate::store::{Db, StoreError};

/// One thing that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub struct Finding {
    /// What is wrong, such as `balance`.
    #[diesel(sql_type = Text)]
    pub what: String,
    /// Where: an account's name, or a table and a key in hexadecimal digits.
    #[diesel(sql_type = Text)]
    pub place: String,
    #[diesel(sql_type = Text)]
    pub detail: String,
}

/// How much was examined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, QueryableByName)]
pub struct Counts {
    #[diesel(sql_type = BigInt)]
    pub events: i64,
    #[diesel(sql_type = BigInt)]
    pub transactions: i64,
    #[diesel(sql_type = BigInt)]
    pub entries: i64,
    #[diesel(sql_type = BigInt)]
    pub accounts: i64,
}

const BALANCES: &str = "
    SELECT 'balance' AS what,
        a.owner_kind || '/' || a.owner || '/' || a.code || '/' || a.asset AS place,
        'kept ' || a.balance || ', entries sum to ' || COALESCE(s.total, 0) AS detail
    FROM accounts a
    LEFT JOIN (
        SELECT account_id, CAST(SUM(amount) AS BIGINT) AS total FROM entries GROUP BY account_id
    ) s ON s.account_id = a.id
    WHERE a.balance <> COALESCE(s.total, 0)
    ORDER BY place LIMIT 100";

const SUMS: &str = "
    SELECT 'sum' AS what, 'transactions ' || {hex:e.transaction_id} AS place,
        'entries in ' || e.asset || ' sum to ' || CAST(SUM(e.amount) AS BIGINT) AS detail
    FROM entries e GROUP BY e.transaction_id, e.asset HAVING SUM(e.amount) <> 0
    ORDER BY place LIMIT 100";

const COUNTS_OF_ENTRIES: &str = "
    SELECT 'entries' AS what, 'transactions ' || {hex:t.id} AS place,
        'says ' || t.entry_count || ' entries, has ' || COALESCE(c.n, 0) AS detail
    FROM transactions t
    LEFT JOIN (
        SELECT transaction_id, COUNT(*) AS n FROM entries GROUP BY transaction_id
    ) c ON c.transaction_id = t.id
    WHERE t.entry_count <> COALESCE(c.n, 0)
    ORDER BY place LIMIT 100";

const ORPHANS: &str = "
    SELECT 'orphan' AS what, 'entries ' || {hex:e.transaction_id} AS place,
        'its transaction or account is missing, or it is in another asset' AS detail
    FROM entries e
    LEFT JOIN transactions t ON t.id = e.transaction_id
    LEFT JOIN accounts a ON a.id = e.account_id
    WHERE t.id IS NULL OR a.id IS NULL OR a.asset <> e.asset
    ORDER BY place LIMIT 100";

const LOTS: &str = "
    SELECT 'lot' AS what, 'lots ' || {hex:l.id} AS place,
        'pending ' || l.pending || ', available ' || l.available || ', held ' || l.held
            || ', redeemed ' || l.redeemed || ', expired ' || l.expired || ', owed ' || l.owed
            || '; entries sum to '
            || COALESCE(s.pending, 0) || ', ' || COALESCE(s.available, 0) || ', '
            || COALESCE(s.held, 0) || ', ' || COALESCE(s.redeemed, 0) || ', '
            || COALESCE(s.expired, 0) || ', ' || COALESCE(s.owed, 0) AS detail
    FROM lots l
    LEFT JOIN (
        SELECT e.lot_id,
            CAST(SUM(CASE a.code WHEN 'points_pending' THEN e.amount ELSE 0 END) AS BIGINT) AS pending,
            CAST(SUM(CASE a.code WHEN 'points_available' THEN e.amount ELSE 0 END) AS BIGINT) AS available,
            CAST(SUM(CASE a.code WHEN 'points_held' THEN e.amount ELSE 0 END) AS BIGINT) AS held,
            CAST(SUM(CASE a.code WHEN 'points_redemption' THEN e.amount ELSE 0 END) AS BIGINT) AS redeemed,
            CAST(SUM(CASE a.code WHEN 'points_owed' THEN -e.amount ELSE 0 END) AS BIGINT) AS owed,
            CAST(SUM(CASE a.code WHEN 'points_breakage' THEN e.amount ELSE 0 END) AS BIGINT) AS expired
        FROM entries e JOIN accounts a ON a.id = e.account_id
        WHERE e.lot_id IS NOT NULL GROUP BY e.lot_id
    ) s ON s.lot_id = l.id
    WHERE l.pending <> COALESCE(s.pending, 0) OR l.available <> COALESCE(s.available, 0)
        OR l.held <> COALESCE(s.held, 0) OR l.redeemed <> COALESCE(s.redeemed, 0)
        OR l.expired <> COALESCE(s.expired, 0) OR l.owed <> COALESCE(s.owed, 0)
    ORDER BY place LIMIT 100";

const POINTS_WITHOUT_LOT: &str = "
    SELECT 'lot' AS what, 'entries ' || {hex:e.transaction_id} AS place,
        'moves ' || a.code || ' of no lot that is there' AS detail
    FROM entries e
    JOIN accounts a ON a.id = e.account_id
    LEFT JOIN lots l ON l.id = e.lot_id
    WHERE a.code IN ('points_pending', 'points_available', 'points_held') AND l.id IS NULL
    ORDER BY place LIMIT 100";

const COUNTERS: &str = "
    SELECT 'counter' AS what, 'counters ' || {hex:c.id} AS place,
        'kept ' || c.value || ', events added ' || COALESCE(s.total, 0) AS detail
    FROM counters c
    LEFT JOIN (
        SELECT counter_id, CAST(SUM(amount) AS BIGINT) AS total FROM counted GROUP BY counter_id
    ) s ON s.counter_id = c.id
    WHERE c.value <> COALESCE(s.total, 0)
    ORDER BY place LIMIT 100";

const HOLDS: &str = "
    SELECT 'hold' AS what, 'holds' AS place,
        'open holds come to ' || h.points || ', accounts hold ' || a.points AS detail
    FROM (SELECT CAST(COALESCE(SUM(points), 0) AS BIGINT) AS points
            FROM holds WHERE state = 'held') h,
        (SELECT CAST(COALESCE(SUM(balance), 0) AS BIGINT) AS points
            FROM accounts WHERE code = 'points_held') a
    WHERE h.points <> a.points";

const EVENTS: &str = "
    SELECT 'event' AS what, ev.partner_id || '/' || ev.event_id AS place,
        'its transaction or its customer is missing' AS detail
    FROM events ev
    LEFT JOIN transactions t ON t.id = ev.transaction_id
    LEFT JOIN customers c ON c.id = ev.customer_id
    WHERE t.id IS NULL OR (ev.customer_id IS NOT NULL AND c.id IS NULL)
    ORDER BY place LIMIT 100";

const LEADS: &str = "
    SELECT 'lead' AS what, 'referrals ' || {hex:r.id} AS place,
        'is ' || r.state || ', its outbox rows: ' || COALESCE(o.delivered, 0) || ' delivered of '
            || COALESCE(o.n, 0) AS detail
    FROM referrals r LEFT JOIN (
        SELECT subject, COUNT(*) AS n,
            SUM(CASE state WHEN 'delivered' THEN 1 ELSE 0 END) AS delivered
        FROM outbox WHERE channel = 'crm' AND kind = 'lead' GROUP BY subject
    ) o ON o.subject = r.id
    WHERE (r.state = 'sent' AND COALESCE(o.delivered, 0) = 0)
       OR (r.state = 'qualified' AND (COALESCE(o.delivered, 0) > 0 OR o.n IS NULL))
       OR (r.state IN ('contacted', 'converted', 'lost', 'expired', 'rewarded', 'clawed_back')
           AND o.n IS NULL)
       OR (r.state IN ('received', 'needs_consent', 'duplicate', 'rejected', 'on_hold')
           AND o.n IS NOT NULL)
    ORDER BY place LIMIT 100";

const CORRECTIONS: &str = "
    SELECT 'correction' AS what, 'corrections ' || c.id AS place,
        'its transaction is missing or of another kind, or nobody else approved it' AS detail
    FROM corrections c LEFT JOIN transactions t ON t.id = c.transaction_id
    WHERE c.state = 'posted' AND (t.id IS NULL OR t.kind <> c.kind OR c.proposed_by = ''
        OR (c.above_limit AND COALESCE(c.approved_by, c.proposed_by) = c.proposed_by))
    ORDER BY place LIMIT 100";

const UNCORRECTED: &str = "
    SELECT 'correction' AS what, 'transactions ' || {hex:t.id} AS place,
        'is of the kind ' || t.kind || ', and no correction stands for it' AS detail
    FROM transactions t LEFT JOIN corrections c ON c.transaction_id = t.id
    WHERE t.kind IN ({kinds:correction}) AND c.id IS NULL
    ORDER BY place LIMIT 100";

const REVERSALS: &str = "
    SELECT 'correction' AS what, 'corrections ' || c.id AS place,
        'its entries and those that it reverses sum to '
            || CAST(SUM(e.amount) AS BIGINT) || ' on an account' AS detail
    FROM corrections c
    JOIN entries e ON e.transaction_id = c.transaction_id OR e.transaction_id = c.reverses
    WHERE c.state = 'posted' AND c.kind = 'reversal'
    GROUP BY c.id, e.account_id, e.lot_id HAVING SUM(e.amount) <> 0
    ORDER BY place LIMIT 100";

const DUPLICATES: &str = "
    SELECT 'duplicate' AS what, k.place AS place,
        'the event that came first is missing' AS detail
    FROM (
        SELECT 'business_keys ' || {hex:id} AS place, event_id FROM business_keys
        UNION ALL SELECT 'duplicates ' || {hex:id}, event_id FROM duplicates
        UNION ALL SELECT 'event_signatures ' || {hex:event_id}, event_id FROM event_signatures
    ) k
    LEFT JOIN events ev ON ev.id = k.event_id
    WHERE ev.id IS NULL
    ORDER BY place LIMIT 100";

const MOVES: &str = "
    SELECT 'referral' AS what, 'referrals ' || {hex:r.id} AS place,
        'is ' || r.state || ', its last move says ' || COALESCE(m.state, 'nothing') AS detail
    FROM referrals r
    LEFT JOIN referral_moves m ON m.referral_id = r.id
        AND m.seq = (SELECT MAX(seq) FROM referral_moves l WHERE l.referral_id = r.id)
    WHERE r.state <> COALESCE(m.state, '') OR r.state = 'received'
    ORDER BY place LIMIT 100";

const REWARDS: &str = "
    SELECT 'reward' AS what, 'referral_rewards ' || {hex:w.referral_id} AS place,
        'its transaction is missing' AS detail
    FROM referral_rewards w LEFT JOIN transactions t ON t.id = w.transaction_id
    WHERE t.id IS NULL
    ORDER BY place LIMIT 100";

const RESERVED: &str = "
    SELECT 'reward' AS what, 'referral_rewards' AS place,
        'commissions under reservation come to ' || w.total || ', accounts hold ' || a.total AS detail
    FROM (SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) AS total
            FROM referral_rewards WHERE state = 'pending') w,
        (SELECT CAST(COALESCE(SUM(balance), 0) AS BIGINT) AS total
            FROM accounts WHERE code = 'commission_pending') a
    WHERE w.total <> a.total";

const UNMOVED: &str = "
    SELECT 'reward' AS what, 'transactions ' || {hex:t.id} AS place,
        'is of the kind ' || t.kind || ', and no move of a referral stands for it' AS detail
    FROM transactions t LEFT JOIN referral_moves m ON m.transaction_id = t.id
    LEFT JOIN released_events l ON l.transaction_id = t.id AND t.kind = 'referral.rewarded'
    LEFT JOIN held_events h ON h.event_id = l.event_id AND h.referral_id IS NOT NULL
        AND h.state = 'released'
    WHERE t.kind IN ('referral.rewarded', 'referral.clawed_back')
        AND m.referral_id IS NULL AND h.event_id IS NULL
    ORDER BY place LIMIT 100";

/// A reward posts what its rows say. A claw-back takes no more than its referral's rows say.
const REWARDED: &str = "
    SELECT 'reward' AS what, 'transactions ' || {hex:p.id} AS place,
        'gives ' || p.points || ' points and ' || p.commission
            || ' of commission; its rewards come to ' || p.given || ' and ' || p.paid AS detail
    FROM (
        SELECT t.id, t.kind,
            (SELECT COALESCE(SUM(e.amount), 0) FROM entries e JOIN accounts a ON a.id = e.account_id
                WHERE e.transaction_id = t.id AND a.owner_kind = 'customer') AS points,
            (SELECT COALESCE(SUM(e.amount), 0) FROM entries e JOIN accounts a ON a.id = e.account_id
                WHERE e.transaction_id = t.id
                    AND a.code IN ('commission_payable', 'commission_pending')) AS commission,
            (SELECT COALESCE(SUM(w.amount), 0) FROM referral_rewards w
                WHERE w.receiver = 'customer' AND (w.transaction_id = t.id
                    OR (t.kind = 'referral.clawed_back' AND w.referral_id IN (
                        SELECT m.referral_id FROM referral_moves m WHERE m.transaction_id = t.id)))
            ) AS given,
            (SELECT COALESCE(SUM(w.amount), 0) FROM referral_rewards w
                WHERE w.receiver = 'partner' AND (w.transaction_id = t.id
                    OR (t.kind = 'referral.clawed_back' AND w.referral_id IN (
                        SELECT m.referral_id FROM referral_moves m WHERE m.transaction_id = t.id)))
            ) AS paid
        FROM transactions t WHERE t.kind IN ('referral.rewarded', 'referral.clawed_back')
    ) p
    WHERE (p.kind = 'referral.rewarded' AND (p.points > p.given OR p.commission > p.paid))
        OR (p.kind = 'referral.clawed_back' AND (p.points > 0 OR p.commission > 0
            OR -p.points > p.given OR -p.commission > p.paid))
    ORDER BY place LIMIT 100";

/// What falls due moves points of a lot, whose dates are sealed, and gives nobody anything new.
const UNDUE: &str = "
    SELECT DISTINCT 'due' AS what, 'transactions ' || {hex:t.id} AS place,
        'is of the kind ' || t.kind || ', and its entry on ' || a.code || ' cannot be of it' AS detail
    FROM transactions t
    JOIN entries e ON e.transaction_id = t.id
    JOIN accounts a ON a.id = e.account_id
    LEFT JOIN lots l ON l.id = e.lot_id
    WHERE a.code NOT IN ('refund_charge', 'refund_recovery') AND (
        (t.kind = 'points.matured' AND (a.owner_kind <> 'customer'
            OR (a.code = 'points_pending' AND (l.matures_at IS NULL
                OR l.matures_at > t.effective_at OR e.amount > 0))))
        OR (t.kind IN ('redemption.timed_out', 'redemption.declined') AND a.owner_kind <> 'customer')
        OR (t.kind = 'points.expired' AND (
            (a.owner_kind = 'customer' AND (e.amount > 0 OR l.expires_at IS NULL
                OR l.expires_at > t.effective_at))
            OR (a.owner_kind <> 'customer' AND a.code <> 'points_breakage')))
        OR (t.kind = 'commission.matured'
            AND a.code NOT IN ('commission_pending', 'commission_payable')))
    ORDER BY place LIMIT 100";

const MOVED: &str = "
    SELECT DISTINCT COALESCE(from_state, '') AS from_state, state FROM referral_moves";

const COUNTS: &str = "
    SELECT (SELECT COUNT(*) FROM events) AS events,
        (SELECT COUNT(*) FROM transactions) AS transactions,
        (SELECT COUNT(*) FROM entries) AS entries,
        (SELECT COUNT(*) FROM accounts) AS accounts";

const QUERIES: [&str; 33] = [
    BALANCES,
    SUMS,
    COUNTS_OF_ENTRIES,
    ORPHANS,
    LOTS,
    POINTS_WITHOUT_LOT,
    COUNTERS,
    COUNTERS_MISSING,
    HOLDS,
    HOLD_VALUES,
    CONFIRMATIONS,
    ANSWERED,
    EVENTS,
    LEADS,
    CORRECTIONS,
    UNCORRECTED,
    UNSETTLED,
    SETTLED,
    UNPAID,
    PAYOUTS,
    CHARGED,
    REVERSALS,
    DUPLICATES,
    MOVES,
    REWARDS,
    RESERVED,
    UNMOVED,
    REWARDED,
    UNDUE,
    CHARGES,
    RELEASED,
    HELD,
    HELD_REWARDS,
];

#[derive(QueryableByName)]
struct Moved {
    #[diesel(sql_type = Text)]
    from_state: String,
    #[diesel(sql_type = Text)]
    state: String,
}

/// Everything that does not add up: at most 100 findings of each sort. To be called in a snapshot.
pub fn findings(db: &mut Db) -> Result<Vec<Finding>, StoreError> {
    db.read_everything()?;
    let mut findings = Vec::new();
    for query in QUERIES {
        let query = diesel::sql_query(in_dialect(query, db));
        let found: Vec<Finding> = both!(db, connection => query.load(connection))?;
        findings.extend(found);
    }
    findings.extend(misnamed(db)?);
    findings.extend(illegal_moves(db)?);
    Ok(findings)
}

/// Moves that no referral may make.
fn illegal_moves(db: &mut Db) -> Result<Vec<Finding>, StoreError> {
    let rows: Vec<Moved> = both!(db, connection => diesel::sql_query(MOVED).load(connection))?;
    let is_legal = |moved: &Moved| match (ReferralState::by_name(&moved.from_state), &moved.state) {
        (Some(from), to) => ReferralState::by_name(to).is_some_and(|to| from.advance(to).is_ok()),
        (None, to) => moved.from_state.is_empty() && to == ReferralState::Received.name(),
    };
    let illegal = rows.into_iter().filter(|moved| !is_legal(moved));
    let found = illegal.map(|Moved { from_state, state }| Finding {
        what: "referral".to_owned(),
        place: "referral_moves".to_owned(),
        detail: format!("one went from {from_state} to {state}: that is not allowed"),
    });
    Ok(found.collect())
}

/// Accounts whose id is not the hash of their name: entries and seals know an account by its id, so
/// that another name would give all of it to somebody else.
fn misnamed(db: &mut Db) -> Result<Vec<Finding>, StoreError> {
    let mut findings = Vec::new();
    let mut after = Vec::new();
    loop {
        let rows: Vec<(Vec<u8>, String, String, String, String)> = accounts::table
            .filter(accounts::id.gt(&after))
            .order(accounts::id)
            .limit(10_000)
            .select((
                accounts::id,
                accounts::owner_kind,
                accounts::owner,
                accounts::code,
                accounts::asset,
            ))
            .load(db)?;
        let Some((last, ..)) = rows.last() else {
            findings.truncate(100);
            return Ok(findings);
        };
        after.clone_from(last);
        for (id, kind, owner, code, asset) in &rows {
            let name = [kind.as_str(), owner, code, asset];
            if AccountId::of_name(&name).bytes().as_slice() != id {
                let detail = "its id is another account's: its name was changed".to_owned();
                findings.push(Finding {
                    what: "account".to_owned(),
                    place: name.join("/"),
                    detail,
                });
            }
        }
    }
}

pub fn counts(db: &mut Db) -> Result<Counts, StoreError> {
    Ok(both!(db, connection => diesel::sql_query(COUNTS).get_result(connection))?)
}

/// Fills in what a query leaves open: `{hex:column}` is the column in hexadecimal digits, for which
/// the stores have different functions, and `{kinds:basis}` is the list of kinds with that basis.
fn in_dialect(query: &str, db: &Db) -> String {
    let (before, after) = match db {
        Db::Postgres(_) => ("encode(", ", 'hex')"),
        Db::Sqlite(_) => ("lower(hex(", "))"),
    };
    let text = filled(query, "{hex:", |column| format!("{before}{column}{after}"));
    filled(&text, "{kinds:", kinds)
}

/// The names of the kinds with a basis, as an SQL list.
fn kinds(basis: &str) -> String {
    let basis = match basis {
        "correction" => Basis::Correction,
        "break" => Basis::Break,
        "payout" => Basis::Payout,
        "referral" => Basis::Referral,
        "time" => Basis::Time,
        "staff" => Basis::Staff,
        "customer" => Basis::Customer,
        _ => Basis::Event,
    };
    let names: Vec<String> =
        TransactionKind::with_basis(basis).map(|kind| format!("'{}'", kind.name())).collect();
    names.join(", ")
}

/// Replaces each `opening…}` in a query by the text for what stands between.
fn filled(query: &str, opening: &str, text_for: impl Fn(&str) -> String) -> String {
    let mut parts = query.split(opening);
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (inner, rest) = part.split_once('}').unwrap_or((part, ""));
        text.push_str(&text_for(inner));
        text.push_str(rest);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// States in which a referral may have any number of leads in the outbox: the consent may be
    /// withdrawn at any time.
    const ANY_LEADS: [ReferralState; 1] = [ReferralState::Withdrawn];

    #[test]
    fn the_proof_of_leads_names_every_state() {
        for state in ReferralState::ALL {
            let named = LEADS.contains(&format!("'{}'", state.name()));
            assert_ne!(named, ANY_LEADS.contains(&state), "LEADS and {}", state.name());
        }
    }

    #[test]
    fn what_a_query_leaves_open_is_filled_in() {
        let text = filled("a {hex:b.id} c {hex:d}", "{hex:", |column| format!("<{column}>"));
        assert_eq!(text, "a <b.id> c <d>");
        assert_eq!(kinds("correction"), "'adjustment', 'reversal'");
        assert_eq!(filled(UNCORRECTED, "{kinds:", kinds).matches('{').count(), 1);
    }
}
