"""Verifies assertions against the public keys that our registry stores, with a WebAuthn library that is not ours.

    cargo run -q -p mamori-server --example passkeys | tests/.venv/bin/python tests/peers/passkeys_peer.py

Package: fido2 (tests/requirements.txt). It reads the stored key, checks the assertion by itself, and must think the same of each
as we do. Exits 1 on the first difference.
"""

import json
import sys

from fido2.cose import ES256
from fido2.server import Fido2Server
from fido2.utils import websafe_decode
from fido2.webauthn import AttestedCredentialData, PublicKeyCredentialRpEntity


def stored_key(passkey):
    """The credential as the library would keep it, made of nothing but what our registry holds."""
    cred = passkey["cred"]
    assert cred["cred"]["type_"] == "ES256", cred["cred"]["type_"]
    key = cred["cred"]["key"]["EC_EC2"]
    assert key["curve"] == "SECP256R1", key["curve"]
    x, y = (bytes(websafe_decode(key[part])) for part in ("x", "y"))
    return AttestedCredentialData.create(
        bytes(16), bytes(websafe_decode(cred["cred_id"])), ES256({1: 2, 3: -7, -1: 1, -2: x, -3: y})
    )


def accepts(told):
    server = Fido2Server(
        PublicKeyCredentialRpEntity(id=told["rp_id"], name="Mamori"),
        verify_origin=lambda origin: origin == told["origin"],
    )
    state = {"challenge": told["challenge"], "user_verification": "required"}
    try:
        server.authenticate_complete(state, [stored_key(told["stored"])], told["answer"])
    except ValueError:
        return False
    return True


seen = 0
for line in sys.stdin:
    told = json.loads(line)
    ours, theirs = told["accepted"], accepts(told)
    assert ours == theirs, f"{told['kind']}, {told['wrong']}: we say {ours}, fido2 says {theirs}"
    assert ours == (told["wrong"] == "right"), told["wrong"]
    seen += 1
assert seen == 12, f"{seen} assertions"
print(f"{seen} assertions: fido2 thinks of each what we think")
