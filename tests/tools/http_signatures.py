"""Signs requests as a partner does, and checks evidence as anybody can (RFC 9421, RFC 9530).

    http_signatures.py keys            prints a P-256 and an RSA key pair: {"jwk", "public", "alg"}
    http_signatures.py send CASES      posts each case of the JSON file, prints the answers
    http_signatures.py check EVIDENCE  verifies what `tallystick ledger evidence` has written

Prints JSON. `check` needs the evidence file and nothing of ours: it verifies the signature by the
key in it, the digest of the body, and finds the event in the body. Whose key that is, the
thumbprint tells: compare it with the one that the partner gave you.
"""

import base64
import datetime
import hashlib
import json
import sys
import urllib.parse

import requests
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    MappingKeyResolver,
    algorithms,
)

COVERED = ("@method", "@target-uri", "content-digest")
ALGORITHMS = {
    "ed25519": algorithms.ED25519,
    "ecdsa-p256-sha256": algorithms.ECDSA_P256_SHA256,
    "rsa-pss-sha512": algorithms.RSA_PSS_SHA512,
}


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(text):
    return int.from_bytes(decode(text), "big")


def public_key(jwk):
    if jwk["kty"] == "OKP":
        return ed25519.Ed25519PublicKey.from_public_bytes(decode(jwk["x"]))
    if jwk["kty"] == "EC":
        numbers = ec.EllipticCurvePublicNumbers(number(jwk["x"]), number(jwk["y"]), ec.SECP256R1())
        return numbers.public_key()
    return rsa.RSAPublicNumbers(number(jwk["e"]), number(jwk["n"])).public_key()


def private_key(jwk):
    if jwk["kty"] == "OKP":
        return ed25519.Ed25519PrivateKey.from_private_bytes(decode(jwk["d"]))
    if jwk["kty"] == "EC":
        return ec.derive_private_key(number(jwk["d"]), ec.SECP256R1())
    p, q, d = number(jwk["p"]), number(jwk["q"]), number(jwk["d"])
    return rsa.RSAPrivateNumbers(
        p, q, d, rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q),
        rsa.RSAPublicNumbers(number(jwk["e"]), number(jwk["n"])),
    ).private_key()


def algorithm_of(jwk):
    return {"OKP": "ed25519", "EC": "ecdsa-p256-sha256", "RSA": "rsa-pss-sha512"}[jwk["kty"]]


def make_keys():
    def text(value):
        return encode(value.to_bytes((value.bit_length() + 7) // 8, "big"))

    curve = ec.generate_private_key(ec.SECP256R1()).private_numbers()
    point = {"x": encode(curve.public_numbers.x.to_bytes(32, "big")),
             "y": encode(curve.public_numbers.y.to_bytes(32, "big"))}
    elliptic = {"kty": "EC", "crv": "P-256", **point}
    numbers = rsa.generate_private_key(65537, 2048).private_numbers()
    modulus = {"kty": "RSA", "n": text(numbers.public_numbers.n), "e": text(65537)}
    return [
        {"alg": "ES256", "public": elliptic, "jwk": {**elliptic, "d": text(curve.private_value)}},
        {"alg": "PS256", "public": modulus,
         "jwk": {**modulus, "d": text(numbers.d), "p": text(numbers.p), "q": text(numbers.q)}},
    ]


def send(case):
    """Signs the request, then does to it what the case says, and posts it."""
    headers = {"Authorization": f"Bearer {case['token']}", "Content-Type": "application/json"}
    headers.update(case.get("headers", {}))
    body = case["body"].encode()
    request = requests.Request("POST", case["url"], headers=headers, data=body).prepare()
    if "jwk" in case:
        jwk = case["jwk"]
        resolver = MappingKeyResolver(
            public_keys={}, private_keys={case["kid"]: private_key(jwk)})
        signer = HTTPMessageSigner(
            signature_algorithm=ALGORITHMS[algorithm_of(jwk)], key_resolver=resolver)
        now = datetime.datetime.now(datetime.timezone.utc)
        signer.sign(
            request,
            key_id=case["kid"],
            created=now - datetime.timedelta(seconds=case.get("age", 0)),
            nonce=case.get("nonce"),
            tag=case.get("tag", "tallystick"),
            label=case.get("label"),
            covered_component_ids=case.get("covered", COVERED),
            body=body if case.get("digest", True) else None,
        )
    for name in case.get("drop", []):
        del request.headers[name]
    request.headers.update(case.get("change", {}))
    if "other_body" in case:
        request.body = case["other_body"].encode()
        request.headers["Content-Length"] = str(len(request.body))
    if "other_url" in case:
        request.url = case["other_url"]
    answer = requests.Session().send(request, timeout=30)
    return {"status": answer.status_code, "body": answer.json()}


def thumbprint(jwk):
    """RFC 7638."""
    names = {"OKP": ("crv", "kty", "x"), "EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n")}
    members = {name: jwk[name] for name in names[jwk["kty"]]}
    text = json.dumps(members, separators=(",", ":"), sort_keys=True)
    return encode(hashlib.sha256(text.encode()).digest())


def check(evidence):
    said, key = evidence["request"], evidence["key"]
    body = base64.b64decode(said["body_base64"])
    request = requests.Request(said["method"], said["target_uri"], data=body).prepare()
    request.headers.update(said["headers"])
    if thumbprint(key["jwk"]) != key["thumbprint"]:
        raise ValueError("the thumbprint is another key's")
    resolver = MappingKeyResolver(
        public_keys={key["kid"]: public_key(key["jwk"])}, private_keys={})
    verifier = HTTPMessageVerifier(
        signature_algorithm=ALGORITHMS[key["alg"]], key_resolver=resolver)
    # Its age was for the service to judge, when it came.
    results = verifier.verify(
        request, max_age=None, expect_tag=None, require_components=COVERED, body=body)
    events = json.loads(body)
    events = events if isinstance(events, list) else [events]
    # In binary mode the signed header holds the id, percent-encoded.
    ids = [urllib.parse.unquote(value.strip('"')) for name, value in said["headers"].items()
           if name == "ce-id"] or [event.get("id") for event in events]
    if evidence["event"] not in ids:
        raise ValueError("the request does not hold the event")
    return {
        "event": evidence["event"],
        "thumbprint": key["thumbprint"],
        "covered": sorted(json.loads(name) for name in results[0].covered_components
                          if not name.startswith('"@signature')),
        "events": len(events),
    }


def main(arguments):
    if arguments != ["keys"] and (len(arguments) != 2 or arguments[0] not in ("send", "check")):
        sys.exit(__doc__)
    if arguments[0] == "keys":
        return make_keys()
    with open(arguments[1]) as file:
        given = json.load(file)
    if arguments[0] == "send":
        return [send(case) for case in given]
    try:
        return check(given)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1:])))
