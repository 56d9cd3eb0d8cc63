"""Checks, without the service, that an event is sealed: see docs/proofs.md.

    check_proof.py PROOF_FILE JWKS_FILE [RECEIPT_FILE]

PROOF_FILE is the answer of /v1/events/{event}/proof, JWKS_FILE that of /.well-known/jwks.json.
Prints what is proved as JSON, or {"error": ...} with exit status 1. With RECEIPT_FILE, the receipt
in it must be the one that was sealed, to the byte.
"""

import base64
import hashlib
import json
import sys
from datetime import datetime, timedelta, timezone

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class Unproved(Exception):
    """What does not hold."""


def sha256(data):
    return hashlib.sha256(data).digest()


def prefixed(text):
    data = text.encode()
    return len(data).to_bytes(8, "big") + data


def leaf_hash(fields):
    data = prefixed("tallystick transaction v1")
    for name, value in fields:
        data += prefixed(name) + prefixed(value)
    return sha256(b"\x00" + data)


def root_of(leaf, index, size, path):
    """RFC 9162, section 2.1.3.2."""
    if not 0 <= index < size:
        raise Unproved("the leaf's index lies outside of the block")
    number, last, node = index, size - 1, leaf
    for step in path:
        if last == 0:
            raise Unproved("the path is too long")
        if number % 2 == 1 or number == last:
            node = sha256(b"\x01" + step + node)
            while number % 2 == 0 and number != 0:
                number >>= 1
                last >>= 1
        else:
            node = sha256(b"\x01" + node + step)
        number >>= 1
        last >>= 1
    if last != 0:
        raise Unproved("the path is too short")
    return node


def block_hash(block):
    epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)
    sealed_at = datetime.fromisoformat(block["sealed_at"].replace("Z", "+00:00"))
    data = b"tallystick block v1"
    for number in (block["position"], block["leaves"], block["total"]):
        data += number.to_bytes(8, "big")
    data += bytes.fromhex(block["root"]) + bytes.fromhex(block["previous"])
    data += ((sealed_at - epoch) // timedelta(microseconds=1)).to_bytes(8, "big")
    return sha256(data)


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def signed_claims(token, jwks):
    """RFC 7515: what the service signed as a head."""
    header_part, payload_part, signature = token.split(".")
    header = json.loads(decode(header_part))
    if (header["alg"], header["typ"]) != ("EdDSA", "head+jws"):
        raise Unproved("the head is of another type")
    keys = [key for key in jwks["keys"] if key["kid"] == header["kid"]]
    if not keys:
        raise Unproved("the head is signed with a key that is not in the key set")
    key = Ed25519PublicKey.from_public_bytes(decode(keys[0]["x"]))
    try:
        key.verify(decode(signature), f"{header_part}.{payload_part}".encode())
    except InvalidSignature:
        raise Unproved("the head's signature does not fit") from None
    return json.loads(decode(payload_part))


def check(proof, jwks, receipt):
    block = proof["block"]
    path = [bytes.fromhex(step) for step in proof["path"]]
    leaf = leaf_hash(proof["leaf"])
    if root_of(leaf, proof["leaf_index"], block["leaves"], path) != bytes.fromhex(block["root"]):
        raise Unproved("the leaf does not lead to the block's root")
    if block_hash(block) != bytes.fromhex(block["hash"]):
        raise Unproved("the block's hash is not the hash of the block")
    if signed_claims(proof["head"], jwks) != block:
        raise Unproved("the head is of another block")
    table, event, sealed_receipt = None, {}, None
    for name, value in proof["leaf"]:
        if name == "table":
            table = value
        elif table == "events":
            event[name] = value
        elif (table, name) == ("transactions", "receipt"):
            sealed_receipt = value
    if receipt is not None and receipt != sealed_receipt:
        raise Unproved("another receipt was sealed")
    return {
        "partner": event["partner_id"],
        "event": event["event_id"],
        "receipt": json.loads(sealed_receipt)["receipt"],
        "block": block["position"],
        "sealed_at": block["sealed_at"],
    }


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    texts = []
    for name in sys.argv[1:]:
        with open(name, encoding="utf-8", newline="") as file:
            texts.append(file.read())
    try:
        proved = check(json.loads(texts[0]), json.loads(texts[1]), (texts + [None])[2])
    except Unproved as error:
        print(json.dumps({"error": str(error)}))
        return 1
    print(json.dumps(proved))
    return 0


if __name__ == "__main__":
    sys.exit(main())
