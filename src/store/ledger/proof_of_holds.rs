//! Queries that prove holds, counters and charges, and what staff released.

pub(super) const COUNTERS_MISSING: &str = "
    SELECT 'counter' AS what, 'counters ' || {hex:s.id} AS place,
        'missing, events added ' || s.total AS detail
    FROM (SELECT counter_id AS id, CAST(SUM(amount) AS BIGINT) AS total
            FROM counted GROUP BY counter_id) s
    LEFT JOIN counters c ON c.id = s.id
    WHERE c.id IS NULL AND s.total <> 0
    ORDER BY place LIMIT 100";

pub(super) const HOLD_VALUES: &str = "
    SELECT 'hold' AS what, 'holds ' || {hex:h.id} AS place,
        'worth ' || h.value || ', its commitment owes ' || c.owed AS detail
    FROM holds h
    JOIN (
        SELECT e.refers_to AS id, CAST(SUM(n.amount) AS BIGINT) AS owed
        FROM events e
        JOIN entries n ON n.transaction_id = e.transaction_id
        JOIN accounts a ON a.id = n.account_id
        WHERE e.type = 'redemption.committed' AND a.code = 'redemption_payable'
        GROUP BY e.refers_to
    ) c ON c.id = h.id
    WHERE h.value <> c.owed
    ORDER BY place LIMIT 100";

/// What a customer had to confirm is redeemed only after their answer, which is a transaction of its own.
pub(super) const CONFIRMATIONS: &str = "
    SELECT 'confirmation' AS what, 'holds ' || {hex:h.id} AS place,
        'is ' || h.state || ' and ' || h.confirmation || ', and its transaction is '
            || COALESCE(t.kind, 'missing') AS detail
    FROM holds h LEFT JOIN transactions t ON t.id = h.confirmation_id
    WHERE h.confirmation IS NOT NULL AND (
        (h.confirmation <> 'awaited' AND COALESCE(t.kind, '') <> 'redemption.' || h.confirmation)
        OR (h.state = 'committed' AND h.confirmation <> 'confirmed')
        OR (h.confirmation = 'declined' AND h.state <> 'cancelled'))
    ORDER BY place LIMIT 100";

/// An answer of a customer stands for a hold.
pub(super) const ANSWERED: &str = "
    SELECT 'confirmation' AS what, 'transactions ' || {hex:t.id} AS place,
        'is of the kind ' || t.kind || ', and no hold names it' AS detail
    FROM transactions t LEFT JOIN holds h ON h.confirmation_id = t.id
    WHERE t.kind IN ({kinds:customer}) AND h.id IS NULL
    ORDER BY place LIMIT 100";

/// What staff released stands for an event that was held, and once.
pub(super) const RELEASED: &str = "
    SELECT 'released' AS what, 'transactions ' || {hex:t.id} AS place,
        'is of the kind ' || t.kind || ', and no held event or freeze stands for it' AS detail
    FROM transactions t LEFT JOIN released_events r ON r.transaction_id = t.id
    LEFT JOIN events ev ON ev.id = r.event_id
    LEFT JOIN freezes f ON f.transaction_id = t.id OR f.lifted_transaction_id = t.id
    WHERE t.kind IN ({kinds:staff}) AND ev.id IS NULL AND f.partner_id IS NULL
    ORDER BY place LIMIT 100";

/// A payment that is held, or was rejected, posts nothing.
pub(super) const HELD: &str = "
    SELECT 'held' AS what, ev.partner_id || '/' || ev.event_id AS place,
        'is held, and its transaction has entries' AS detail
    FROM held_events h JOIN events ev ON ev.id = h.event_id
    JOIN transactions t ON t.id = ev.transaction_id
    WHERE h.kind = 'payment.discounted' AND t.entry_count > 0
    ORDER BY place LIMIT 100";

/// A reward that is held posts nothing, and belongs to its referral.
pub(super) const HELD_REWARDS: &str = "
    SELECT 'held' AS what, 'held_events ' || {hex:h.event_id} AS place,
        'is a held reward whose transaction is ' || COALESCE(t.kind, 'missing')
            || ' with ' || COALESCE(t.entry_count, 0) || ' entries' AS detail
    FROM held_events h LEFT JOIN transactions t ON t.id = h.transaction_id
    LEFT JOIN referrals r ON r.id = h.referral_id
    WHERE h.referral_id IS NOT NULL
        AND (COALESCE(t.kind, '') <> 'referral.rewarded' OR t.entry_count > 0 OR r.id IS NULL)
    ORDER BY place LIMIT 100";

/// What partners are charged for refunds is what the rows of the charges say, and no more than
/// customers owe.
pub(super) const CHARGES: &str = "
    SELECT 'charge' AS what, 'refund_charges' AS place,
        'charges come to ' || c.value || ' for ' || c.points || ' points; accounts say ' || a.value
            || ', and customers owe ' || o.points || ' points' AS detail
    FROM (SELECT CAST(COALESCE(SUM(value), 0) AS BIGINT) AS value,
            CAST(COALESCE(SUM(charged - repaid), 0) AS BIGINT) AS points FROM refund_charges) c,
        (SELECT CAST(COALESCE(-SUM(balance), 0) AS BIGINT) AS value
            FROM accounts WHERE code = 'refund_charge') a,
        (SELECT CAST(COALESCE(-SUM(balance), 0) AS BIGINT) AS points
            FROM accounts WHERE code = 'points_owed') o
    WHERE c.value <> a.value OR c.points > o.points";
