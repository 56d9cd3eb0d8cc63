//! Queries that prove what people and the bank decided about breaks and payouts.

pub const UNSETTLED: &str = "
    SELECT 'break' AS what, 'transactions ' || {hex:t.id} AS place,
        'is of the kind ' || t.kind || ', and no approved proposal stands for it' AS detail
    FROM transactions t LEFT JOIN break_proposals p ON p.transaction_id = t.id
    WHERE t.kind IN ({kinds:break}) AND (p.state IS NULL OR p.state <> 'approved')
    ORDER BY place LIMIT 100";

pub const SETTLED: &str = "
    SELECT 'break' AS what, 'breaks ' || {hex:p.break_id} AS place,
        'the partner should get ' || p.minor || ', and gets '
            || COALESCE(CAST(SUM(e.amount) AS BIGINT), 0) AS detail
    FROM break_proposals p JOIN breaks b ON b.id = p.break_id
    LEFT JOIN (
        SELECT e.transaction_id, e.amount, a.owner FROM entries e
        JOIN accounts a ON a.id = e.account_id WHERE a.owner_kind = 'partner'
    ) e ON e.transaction_id = p.transaction_id AND e.owner = b.partner_id
    WHERE p.transaction_id IS NOT NULL
    GROUP BY p.break_id, p.number, p.minor HAVING COALESCE(SUM(e.amount), 0) <> p.minor
    ORDER BY place LIMIT 100";

pub const UNPAID: &str = "
    SELECT 'payout' AS what, 'transactions ' || {hex:t.id} AS place,
        'is of the kind ' || t.kind || ', and neither a payout nor an approved proposal stands for it' AS detail
    FROM transactions t
    LEFT JOIN payout_moves m ON m.transaction_id = t.id AND t.kind = 'payout.' || m.state
    LEFT JOIN bank_break_proposals p ON p.transaction_id = t.id AND p.state = 'approved'
    WHERE t.kind IN ({kinds:payout}) AND m.payout IS NULL
        AND (p.bank_break IS NULL OR t.kind <> 'payout.charged')
    ORDER BY place LIMIT 100";

/// A payout posts by where it stands: once when it is paid, and once more when it comes back.
pub const PAYOUTS: &str = "
    SELECT 'payout' AS what, 'payouts ' || s.message_id AS place,
        'of ' || s.minor || ' is ' || s.state || ', its last step says ' || s.last || ', and its '
            || s.postings || ' postings come to ' || s.paid || ' paid and ' || s.owed || ' owed anew' AS detail
    FROM (
        SELECT p.message_id, p.state, p.minor,
            (SELECT COALESCE(MAX(m.state), '') FROM payout_moves m WHERE m.payout = p.message_id
                AND m.number = (SELECT MAX(l.number) FROM payout_moves l WHERE l.payout = p.message_id)
            ) AS last,
            (SELECT COUNT(*) FROM payout_moves m JOIN transactions t ON t.id = m.transaction_id
                WHERE m.payout = p.message_id) AS postings,
            (SELECT CAST(COALESCE(SUM(e.amount), 0) AS BIGINT) FROM payout_moves m
                JOIN entries e ON e.transaction_id = m.transaction_id
                JOIN accounts a ON a.id = e.account_id
                WHERE m.payout = p.message_id AND a.owner = p.partner_id AND a.code = 'payout_paid'
            ) AS paid,
            (SELECT CAST(COALESCE(SUM(e.amount), 0) AS BIGINT) FROM payout_moves m
                JOIN entries e ON e.transaction_id = m.transaction_id
                JOIN accounts a ON a.id = e.account_id
                WHERE m.payout = p.message_id AND a.owner = p.partner_id
                    AND a.code = 'settlement_payable') AS owed
        FROM payouts p
    ) s
    WHERE s.state <> s.last
        OR s.postings <> CASE s.state WHEN 'paid' THEN 1 WHEN 'rejected' THEN 1 WHEN 'returned' THEN 2 ELSE 0 END
        OR s.paid <> CASE WHEN s.state IN ('paid', 'rejected', 'returned') THEN -s.minor ELSE 0 END
        OR s.owed <> CASE WHEN s.state IN ('rejected', 'returned') THEN s.minor ELSE 0 END
    ORDER BY place LIMIT 100";

/// What a partner is charged is what the bank booked beyond its payout.
pub const CHARGED: &str = "
    SELECT 'payout' AS what, 'bank_break_proposals ' || {hex:c.bank_break} AS place,
        'the bank booked ' || COALESCE(c.minor, 0) || ', the partner is charged ' || c.charged AS detail
    FROM (
        SELECT p.bank_break, b.minor,
            (SELECT CAST(COALESCE(-SUM(e.amount), 0) AS BIGINT) FROM entries e
                JOIN accounts a ON a.id = e.account_id
                JOIN payouts o ON o.message_id = b.payout AND o.partner_id = a.owner
                WHERE e.transaction_id = p.transaction_id AND a.code = 'settlement_payable') AS charged
        FROM bank_break_proposals p JOIN bank_entries b ON b.id = p.bank_break
        WHERE p.transaction_id IS NOT NULL
    ) c
    WHERE c.charged <> COALESCE(c.minor, 0)
    ORDER BY place LIMIT 100";
