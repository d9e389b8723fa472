"""Checks a certificate against a JWK set with the Python package `cryptography`, and prints its claims.

Reads a JSON object with `jwks` and `certificate`; fails if the signature does not hold.
"""

import base64
import json
import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


given = json.load(sys.stdin)
signed, signature = given["certificate"].rsplit(".", 1)
header, claims = (json.loads(decode(part)) for part in signed.split("."))
[key] = [key for key in given["jwks"]["keys"] if key["kid"] == header["kid"]]
assert (header["alg"], header["typ"]) == ("EdDSA", "JWT"), header
assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("OKP", "Ed25519", "EdDSA", "sig"), key
Ed25519PublicKey.from_public_bytes(decode(key["x"])).verify(decode(signature), signed.encode())
json.dump(claims, sys.stdout)
