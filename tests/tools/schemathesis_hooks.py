"""Gives every request that Schemathesis makes up the token that its operation asks for.

Tokens come by environment: TOKEN_PARTNER, TOKEN_CUSTOMER, TOKEN_STAFF.
"""

import os

import schemathesis


@schemathesis.auth()
class Tokens:
    def get(self, case, context):
        for wanted in case.operation.definition.raw.get("security", []):
            for scheme in wanted:
                return os.environ["TOKEN_" + scheme.upper()]
        return None

    def set(self, case, data, context):
        if data is not None:
            case.headers = case.headers or {}
            case.headers["Authorization"] = f"Bearer {data}"
