"""The two ways to sign a merchant call, written from their descriptions and from nothing of ours."""

import base64
import hashlib
import hmac
import itertools
import json
import os
import subprocess
import time
import uuid

_count = itertools.count(1)


def dev():
    """What `mamori-lab dev --json FILE` wrote."""
    path = os.environ.get("MAMORI_DEV_JSON")
    if not path:
        raise RuntimeError("MAMORI_DEV_JSON is not set: run `cargo xtask test --only sdk`")
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def fresh_id(word):
    """An id that no other run has used."""
    return f"{word}-{os.getpid()}-{int(time.time())}-{next(_count)}"


def fresh_code(name):
    """A payment code of a seeded customer, as their phone would show it."""
    arguments = ["dev", "code", "--json-from", os.environ["MAMORI_DEV_JSON"], "--customer", name]
    code = subprocess.run([os.environ["MAMORI_BIN"], *arguments], check=True, capture_output=True, text=True).stdout.strip()
    if os.environ.get("MAMORI_SECRETS"):
        with open(os.environ["MAMORI_SECRETS"], "a", encoding="ascii") as secrets:
            secrets.write(code + "\n")
    return code


def _mac(secret, parts):
    digest = hmac.new(secret.encode(), b"\n".join(parts), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def sign_opa(key, secret, method, path, content_type=None, body=b"", epoch=None, nonce=None):
    """`hmac OPA-Auth`: the query is not signed, a body of no bytes is none."""
    epoch = str(int(time.time()) if epoch is None else epoch)
    nonce = nonce or uuid.uuid4().hex[:12]
    kind = (content_type or "").encode()
    if body:
        body_hash = base64.b64encode(hashlib.md5(kind + body).digest()).decode()
    else:
        kind, body_hash = b"empty", "empty"
    parts = [path.encode(), method.encode(), nonce.encode(), epoch.encode(), kind, body_hash.encode()]
    return f"hmac OPA-Auth:{key}:{_mac(secret, parts)}:{nonce}:{epoch}:{body_hash}"


def sign_mamori(key, secret, method, target, body=b"", epoch=None, nonce=None):
    """`hmac MAMORI-HMAC-SHA256`: method, path with query and body are all signed, and no MD5."""
    epoch = str(int(time.time()) if epoch is None else epoch)
    nonce = nonce or str(uuid.uuid4())
    parts = ["MAMORI-HMAC-SHA256", method, target, epoch, nonce, hashlib.sha256(body).hexdigest()]
    return f"hmac MAMORI-HMAC-SHA256:{key}:{_mac(secret, [part.encode() for part in parts])}:{nonce}:{epoch}"
