"""Checks a signed receipt with Authlib, without the service.

    check_receipt.py RECEIPT_FILE JWKS_FILE

Prints {"header": ..., "receipt": ...}, or {"error": ...} with exit status 1.
"""

import json
import sys
import warnings

warnings.filterwarnings("ignore")  # Authlib announces what its next version moves elsewhere

from authlib.jose import JsonWebKey, JsonWebSignature
from authlib.jose.errors import JoseError


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        token = file.read()
    with open(sys.argv[2], encoding="utf-8") as file:
        keys = JsonWebKey.import_key_set(json.load(file))
    try:
        opened = JsonWebSignature(["EdDSA"]).deserialize_compact(
            token, lambda header, _payload: keys.find_by_kid(header["kid"])
        )
    except JoseError as error:
        print(json.dumps({"error": str(error)}))
        return 1
    receipt = json.loads(opened["payload"])
    print(json.dumps({"header": opened["header"], "receipt": receipt}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
