"""Checks a certificate against a JWK set with the Python package `cryptography`, and prints its claims.

Reads a JSON object with `jwks`, `certificate` and the `algorithm` that it should have; fails if the signature does not hold.
"""

import base64
import json
import sys

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicNumbers
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


given = json.load(sys.stdin)
signed, signature = given["certificate"].rsplit(".", 1)
header, claims = (json.loads(decode(part)) for part in signed.split("."))
[key] = [key for key in given["jwks"]["keys"] if key["kid"] == header["kid"]]
algorithm, signature = given["algorithm"], decode(signature)
assert (header["alg"], header["typ"]) == (algorithm, "JWT"), header
assert (key["alg"], key["use"]) == (algorithm, "sig"), key
if algorithm == "EdDSA":
    assert (key["kty"], key["crv"]) == ("OKP", "Ed25519"), key
    Ed25519PublicKey.from_public_bytes(decode(key["x"])).verify(signature, signed.encode())
else:
    assert (key["kty"], key["crv"], len(signature)) == ("EC", "P-256", 64), key
    x, y, r, s = (int.from_bytes(part) for part in (decode(key["x"]), decode(key["y"]), signature[:32], signature[32:]))
    point = EllipticCurvePublicNumbers(x, y, SECP256R1()).public_key()
    point.verify(encode_dss_signature(r, s), signed.encode(), ECDSA(SHA256()))
json.dump(claims, sys.stdout)
