#!/usr/bin/env bash
# py-vapid 1.9.6 (PyPI): its verifier cannot read the `Authorization` header of RFC 8292, section 3.1, as the RFC itself writes it.
#
# The scheme `vapid` has two parameters in a comma-separated list, where white space behind a comma is allowed (RFC 9110, section 11.4) and
# the RFC's own example has some. `Vapid02.verify` splits the header at its LAST space, so everything before the key counts as the scheme's
# name: the right header of a right sender raises an error that blames the scheme. Without the space the same token and key are verified. Its
# own `sign` writes none, so a round trip of the package alone never shows it.
# Seen:
#   as its own sign() writes it: True
#   with a space behind the comma: AssertionError: Incorrect schema specified
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q py-vapid==1.9.6 cryptography==50.0.2
"$work/venv/bin/python" - <<'PY'
import time
from importlib.metadata import version
from py_vapid import Vapid02

sender = Vapid02()
sender.generate_keys()
header = sender.sign({"aud": "https://push.example", "sub": "mailto:help@example.jp", "exp": int(time.time()) + 3600})["Authorization"]
assert ",k=" in header and ", k=" not in header, header
as_signed = Vapid02.verify(header)
try:
    with_space = Vapid02.verify(header.replace(",k=", ", k="))
except AssertionError as error:
    with_space = f"AssertionError: {error}"
print("py-vapid", version("py-vapid"))
print("as its own sign() writes it:", as_signed)
print("with a space behind the comma:", with_space)
assert as_signed is True
assert with_space == "AssertionError: Incorrect schema specified", with_space
PY
