"""Gives every request that Schemathesis makes up the token that its operation asks for.

Tokens stand in files of the folder TOKENS, `customer`, `staff` and `partner`: they are good for five
minutes only, and are renewed.
"""

import json
import os

import schemathesis


def scheme(case):
    """The security scheme that the operation asks for; none where it is open to all."""
    wanted = case.operation.definition.raw.get("security", [])
    return next((name for alternative in wanted for name in alternative), None)


@schemathesis.auth(refresh_interval=None)
class Tokens:
    def get(self, case, context):
        name = scheme(case)
        path = os.path.join(os.environ["TOKENS"], name) if name else ""
        if not os.path.exists(path):
            return None
        with open(path, encoding="ascii") as kept:
            return kept.read()

    def set(self, case, data, context):
        if data is not None:
            case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.serializer("application/x-ndjson")
def one_line(context, value):
    return json.dumps(value).encode() + b"\n"


@schemathesis.serializer("application/offset+octet-stream")
def part_of_a_file(context, value):
    return value if isinstance(value, bytes) else str(value).encode()
