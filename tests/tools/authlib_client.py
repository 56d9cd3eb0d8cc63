"""A partner as somebody else would write it: Authlib asks for the token, requests posts.

    authlib_client.py ISSUER CLIENT_ID KEY_FILE SCOPE [--endpoint-audience] [--event FILE] [--revoke]

KEY_FILE is a private JWK. Without --event the token response is printed as JSON; with it, the event
in FILE is posted with the token, and what is printed is {"status": ..., "body": ...}. An error of
the token endpoint is printed as {"error": ..., "error_description": ...}, with exit status 1.
"""

import argparse
import json
import sys
import warnings

warnings.filterwarnings("ignore")  # Authlib announces what its next version moves elsewhere

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc.jwk import JWKRegistry


def session(arguments, metadata):
    with open(arguments.key_file, encoding="utf-8") as file:
        jwk = json.load(file)
    header = {"alg": jwk.get("alg", "EdDSA")}
    if "kid" in jwk:
        header["kid"] = jwk["kid"]
    # Authlib's own audience is the token endpoint's URL. It writes the jti into this dictionary, so
    # one that is used for a second token carries the first one's jti and is refused as a replay.
    claims = {} if arguments.endpoint_audience else {"aud": metadata["issuer"]}
    oauth = OAuth2Session(
        arguments.client_id,
        client_secret=JWKRegistry.import_key(jwk),
        scope=arguments.scope,
        token_endpoint=metadata["token_endpoint"],
        token_endpoint_auth_method="private_key_jwt",
        revocation_endpoint_auth_method="private_key_jwt",
    )
    oauth.register_client_auth_method(
        PrivateKeyJWT(metadata["token_endpoint"], claims=claims, headers=header, alg=header["alg"])
    )
    return oauth


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("issuer")
    parser.add_argument("client_id")
    parser.add_argument("key_file")
    parser.add_argument("scope")
    parser.add_argument("--endpoint-audience", action="store_true")
    parser.add_argument("--event")
    parser.add_argument("--revoke", action="store_true", help="give the token up again (RFC 7009)")
    arguments = parser.parse_args()

    url = arguments.issuer + "/.well-known/oauth-authorization-server"
    response = requests.get(url, timeout=10)
    response.raise_for_status()
    metadata = response.json()
    if metadata["issuer"] != arguments.issuer:
        sys.exit(f"the issuer calls itself {metadata['issuer']}")
    try:
        token = session(arguments, metadata).fetch_token(grant_type="client_credentials")
    except OAuthError as error:
        print(json.dumps({"error": error.error, "error_description": error.description}))
        return 1
    if arguments.revoke:
        # A session of its own: its assertion needs a new jti.
        response = session(arguments, metadata).revoke_token(
            metadata["revocation_endpoint"], token=token["access_token"]
        )
        print(json.dumps({**token, "revoked": response.status_code}))
        return 0
    if arguments.event is None:
        print(json.dumps(token))
        return 0
    with open(arguments.event, "rb") as file:
        body = file.read()
    response = requests.post(
        arguments.issuer + "/v1/events",
        data=body,
        headers={
            "Authorization": f"Bearer {token['access_token']}",
            "Content-Type": "application/cloudevents+json",
        },
        timeout=10,
    )
    print(json.dumps({"status": response.status_code, "body": response.json()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
