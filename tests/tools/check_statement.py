"""Checks a signed settlement statement, without the service: see docs/proofs.md.

    check_statement.py STATEMENT_FILE JWKS_FILE [RECEIPTS_FILE]

STATEMENT_FILE is the answer of /v1/settlement-statements/{period}/file?format=signed, JWKS_FILE that of
/.well-known/jwks.json, RECEIPTS_FILE has one receipt a line. Prints what holds as JSON, or {"error": ...}
with exit status 1.
"""

import base64
import hashlib
import json
import sys
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

OWED = {
    "subsidy_payable",
    "commission_payable",
    "redemption_payable",
    "settlement_payable",
    "refund_charge",
}


class Wrong(Exception):
    """What does not hold."""


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def opened(token, jwks):
    """RFC 7515: the payload of a JWS that one of the keys has signed."""
    header_part, payload_part, signature = token.split(".")
    header = json.loads(decode(header_part))
    if (header["alg"], header["typ"]) != ("EdDSA", "statement+jws"):
        raise Wrong("it is no signed statement")
    keys = [key for key in jwks["keys"] if key["kid"] == header["kid"]]
    if not keys:
        raise Wrong("no key of that name")
    key = Ed25519PublicKey.from_public_bytes(decode(keys[0]["x"]))
    try:
        key.verify(decode(signature), f"{header_part}.{payload_part}".encode())
    except InvalidSignature as error:
        raise Wrong("the signature does not hold") from error
    return decode(payload_part)


def line_name(row):
    return row.get("account", ""), row.get("kind", ""), row["late"]


def check_tax(statement):
    """The amounts include the tax; it is rounded to the fen in each line, half away from zero."""
    sums = defaultdict(Decimal)
    for line in statement["lines"]:
        if "vat_rate" not in line:
            continue
        rate, gross = Decimal(line["vat_rate"]), Decimal(line["amount"])
        vat = (gross * rate / (1 + rate)).quantize(Decimal("0.01"), ROUND_HALF_UP)
        if (Decimal(line["vat"]), Decimal(line["net"])) != (vat, gross - vat):
            raise Wrong(f"the tax of {line_name(line)}")
        for name, amount in (("gross", gross), ("net", gross - vat), ("vat", vat)):
            sums[rate, name] += amount
    totals = statement.get("tax", {"totals": []})["totals"]
    stated = {
        (Decimal(total["vat_rate"]), name): Decimal(total[name])
        for total in totals
        for name in ("gross", "net", "vat")
    }
    if stated != sums:
        raise Wrong("the totals of the tax")


def check(statement, entries, receipts):
    lines = statement["lines"]
    if sum(Decimal(line["amount"]) for line in lines) != 0:
        raise Wrong("the lines do not sum to zero")
    once = {line["line"]: Decimal(line["amount"]) for line in lines if line["line"] != "movement"}
    if len(lines) - sum(line["line"] == "movement" for line in lines) != 3:
        raise Wrong("it needs one opening, one payout and one line that is carried forward")
    carried = Decimal(statement["before"]["carried_forward"]) if "before" in statement else Decimal(0)
    stated = {"opening": carried, "payout": -Decimal(statement["payout"])}
    stated["carried_forward"] = -Decimal(statement["carried_forward"])
    if once != stated or Decimal(statement["payout"]) < 0:
        raise Wrong("opening, payout or what is carried forward is not what the statement says")
    sums, counts, booked = defaultdict(Decimal), defaultdict(int), defaultdict(Decimal)
    digest = hashlib.sha256()
    for entry in entries:
        late = "late" if entry["late"] else ""
        fields = [entry["account"], entry["kind"], late, entry["receipt"], str(entry["seq"]), entry["amount"]]
        fields += [entry["effective_at"], entry["recorded_at"]]
        digest.update(("\t".join(fields) + "\n").encode())
        sums[line_name(entry)] += Decimal(entry["amount"])
        counts[line_name(entry)] += 1
        booked[entry["receipt"], entry["account"]] += Decimal(entry["amount"])
    if digest.hexdigest() != statement["entries_sha256"]:
        raise Wrong("these are not the entries of the statement")
    for line in lines:
        name = line_name(line)
        if counts.pop(name, 0) != line["entries"]:
            raise Wrong(f"the number of entries of {name}")
        if line["line"] == "movement" and sums[name] != Decimal(line["amount"]):
            raise Wrong(f"the sum of {name}")
    if counts:
        raise Wrong(f"no line for {sorted(counts)}")
    check_tax(statement)
    seen = set()
    for receipt in receipts:
        said = defaultdict(Decimal)
        for posting in receipt["postings"]:
            if posting["asset"] == "CNY" and posting["account"] in OWED:
                said[posting["account"]] += Decimal(posting["amount"])
        ours = {account: amount for (number, account), amount in booked.items() if number == receipt["receipt"]}
        if ours:
            seen.add(receipt["receipt"])
            if ours != said:
                raise Wrong(f"receipt {receipt['receipt']} says other amounts")
    return {"receipts": len(seen), "without": len({number for number, _ in booked} - seen)}


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    with open(sys.argv[2], encoding="utf-8") as file:
        jwks = json.load(file)
    receipts = []
    if len(sys.argv) == 4:
        with open(sys.argv[3], encoding="utf-8") as file:
            receipts = [json.loads(line) for line in file]
    try:
        payload = opened(rows[0]["statement"], jwks)
        statement = json.loads(payload)
        told = check(statement, rows[1:], receipts)
    except Wrong as error:
        print(json.dumps({"error": str(error)}))
        return 1
    told |= {
        "statement_no": statement["statement_no"],
        "payout": statement["payout"],
        "sha256": hashlib.sha256(payload).hexdigest(),
        "entries": len(rows) - 1,
    }
    print(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.exit(main())
