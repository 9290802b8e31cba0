"""Reads our push messages as a browser and a push service do, with libraries that are not ours.

    cargo run -q -p mamori-connectors --example push | tests/.venv/bin/python tests/peers/push_peer.py

Packages: http-ece decrypts (RFC 8188, RFC 8291), py-vapid verifies who sends (RFC 8292); tests/requirements.txt. Exits 1 on the first
difference.
"""

import base64
import json
import sys

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec
from py_vapid import Vapid02


def plain(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def main():
    read = 0
    for line in sys.stdin:
        told = json.loads(line)
        key = ec.derive_private_key(int.from_bytes(plain(told["secret"]), "big"), ec.SECP256R1())
        body = plain(told["body"])
        arrived = http_ece.decrypt(body, private_key=key, auth_secret=plain(told["auth"]), version="aes128gcm")
        assert arrived.decode() == told["plain"], arrived
        spoiled = bytes([*body[:-1], body[-1] ^ 1])
        try:
            http_ece.decrypt(spoiled, private_key=key, auth_secret=plain(told["auth"]), version="aes128gcm")
            raise SystemExit("a body that was altered is read")
        except http_ece.ECEException:
            pass

        # White space behind the comma is allowed, and py-vapid cannot read it (findings/py-vapid-reads-no-space.sh).
        assert Vapid02.verify(told["authorization"].replace(", k=", ",k=")), "the token does not prove its sender"
        token = told["authorization"].removeprefix("vapid t=").split(", k=")[0]
        claims = json.loads(plain(token.split(".")[1]))
        assert claims["aud"] == told["audience"], claims
        assert told["now_seconds"] < claims["exp"] <= told["now_seconds"] + 86_400, claims
        assert claims["sub"].startswith("mailto:"), claims
        read += 1
    assert read == 3, read
    print(f"{read} push messages were read by http-ece, and their senders proven by py-vapid")


main()
