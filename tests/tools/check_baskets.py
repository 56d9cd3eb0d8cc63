"""A programme with tiers, caps, a budget, thresholds and expiry, reckoned from the baskets alone.

check_baskets.py BASKETS DATABASE_URL

Nothing of Tallystick's is used: the rules of tests/promises/baskets/ stand here once more, in plain
Python with `decimal`, and the sums of every member are compared with those of the database. Prints
what was compared and, of what differs, the first ten.
"""

import csv
import gzip
import io
import json
import sqlite3
import subprocess
import sys
from collections import defaultdict
from datetime import datetime, timedelta, timezone
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

SHANGHAI = timezone(timedelta(hours=8))  # without summer time since 1991
CENT = Decimal("0.01")

AVAILABLE = """SELECT m.member_ref, SUM(a.balance) FROM members m
JOIN accounts a ON a.owner_kind = 'customer' AND a.owner = {customer}
WHERE a.code = 'points_available' GROUP BY m.member_ref"""
EXPIRED = """SELECT m.member_ref, SUM(e.amount) FROM entries e
JOIN accounts a ON a.id = e.account_id AND a.code = 'points_breakage'
JOIN lots l ON l.id = e.lot_id JOIN members m ON m.customer_id = l.customer_id
GROUP BY m.member_ref"""


def database(url):
    """Minor units by member: what may be spent, and what has expired."""
    if url.startswith("sqlite://"):
        db = sqlite3.connect(url.removeprefix("sqlite://"))
        hexed = "lower(hex(m.customer_id))"
        parts = [f"substr({hexed}, {at}, {length})" for at, length in
                 [(1, 8), (9, 4), (13, 4), (17, 4), (21, 12)]]
        customer = " || '-' || ".join(parts)
        ask = lambda query: db.execute(query).fetchall()
    else:
        customer = "encode(m.customer_id, 'hex')::uuid::text"
        def ask(query):
            told = subprocess.run(["psql", url, "-X", "--csv", "-t", "-c", query],
                                  check=True, capture_output=True, text=True).stdout
            return [(member, int(sum)) for member, sum in csv.reader(io.StringIO(told))]
    return tuple({str(member): Decimal(int(total)) * CENT for member, total in ask(query)}
                 for query in (AVAILABLE.format(customer=customer), EXPIRED))


class Programme:
    def __init__(self, now):
        self.now = now
        self.spent = defaultdict(Decimal)        # by member, all of it within the tiers' window
        self.by_day = defaultdict(Decimal)       # base points by member and day
        self.by_month = defaultdict(Decimal)
        self.budget = Decimal("3000.00")         # what is left of it for all members
        self.available = defaultdict(Decimal)
        self.expired = defaultdict(Decimal)

    def basket(self, member, at, paid):
        base = self.base(member, at, paid)
        year, month = divmod(at.year * 12 + at.month - 1 + 114 + 1, 12)
        over = datetime(year, month + 1, 1, tzinfo=SHANGHAI) <= self.now
        (self.expired if over else self.available)[member] += base
        fifties = paid // 50 * Decimal("5.00")
        given = min(fifties, self.budget)
        self.budget -= given
        self.available[member] += given
        self.available[member] += self.best(at, paid)
        self.spent[member] += paid

    def base(self, member, at, paid):
        """1 point for each yuan, rounded half up; from April on 1.2, rounded down."""
        rate, rounding = (Decimal(1), ROUND_HALF_UP)
        if at.month >= 4:
            rate, rounding = (Decimal("1.2"), ROUND_DOWN)
        points = paid * rate
        if self.spent[member] >= 1000:
            points *= 2
        elif self.spent[member] >= 300:
            points *= Decimal("1.5")
        if at.weekday() >= 5:
            points *= Decimal("1.25")
        points = points.quantize(CENT, rounding)
        day, month = (member, at.date()), (member, at.year, at.month)
        points = min(points, 150 - self.by_day[day], 900 - self.by_month[month])
        self.by_day[day] += points
        self.by_month[month] += points
        return points

    @staticmethod
    def best(at, paid):
        """The better of two: a threshold, and an evening's visit."""
        threshold = Decimal("10.00") if paid >= 100 else Decimal("1.00") if paid >= 30 else Decimal(0)
        evening = Decimal("2.00") if 18 <= at.hour < 22 else Decimal(0)
        return max(threshold, evening)


def read(path):
    opened = gzip.open(path, "rt") if path.endswith(".gz") else open(path)
    with opened as file:
        for row in csv.DictReader(file):
            at = datetime.fromisoformat(row["occurred_at"].replace("Z", "+00:00"))
            yield row["household"], at.astimezone(SHANGHAI), Decimal(row["paid"])


def main(path, url):
    programme, baskets = Programme(datetime.now(timezone.utc)), 0
    for member, at, paid in read(path):
        programme.basket(member, at, paid)
        baskets += 1
    available, expired = database(url)
    differ = []
    members = set(programme.spent) | set(available) | set(expired)
    for member in sorted(members):
        reckoned = (programme.available[member], programme.expired[member])
        kept = (available.get(member, Decimal(0)), expired.get(member, Decimal(0)))
        if reckoned != kept:
            differ.append({"member": member, "reckoned": list(map(str, reckoned)),
                           "kept": list(map(str, kept))})
    total = lambda sums: str(sum(sums.values(), Decimal(0)))
    print(json.dumps({
        "baskets": baskets, "members": len(members), "available": total(programme.available),
        "expired": total(programme.expired), "budget_left": str(programme.budget),
        "differ": len(differ), "first": differ[:10],
    }))


main(sys.argv[1], sys.argv[2])
