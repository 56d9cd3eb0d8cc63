"""Gives every request that Schemathesis makes up the token that its operation asks for.

Tokens come by environment: TOKEN_CUSTOMER, TOKEN_STAFF; and the partner's in a file, TOKEN_PARTNER_FILE,
because it is good for five minutes only and is renewed.
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
        if name == "partner":
            with open(os.environ["TOKEN_PARTNER_FILE"], encoding="ascii") as kept:
                return kept.read()
        return os.environ.get("TOKEN_" + name.upper()) if name else None

    def set(self, case, data, context):
        if data is not None:
            case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.serializer("application/x-ndjson")
def one_line(context, value):
    return json.dumps(value).encode() + b"\n"


@schemathesis.serializer("application/offset+octet-stream")
def part_of_a_file(context, value):
    return value if isinstance(value, bytes) else str(value).encode()
