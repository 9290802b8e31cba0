"""Schemathesis hooks: whatever it makes up is signed as it leaves, so that it reaches the code behind the door.

Run by the suite `fuzz` as `SCHEMATHESIS_HOOKS=signing_hooks st run docs/openapi.json`.
"""

from urllib.parse import urlsplit

import requests.auth
import schemathesis

import opa

MERCHANT = opa.dev()["merchant"]


class Signed(requests.auth.AuthBase):
    """Signs the very bytes that go onto the wire."""

    def __call__(self, request):
        body = request.body or b""
        if isinstance(body, str):
            body = body.encode()
        path = urlsplit(request.url).path or "/"
        kind = request.headers.get("Content-Type")
        if isinstance(kind, bytes):
            kind = kind.decode("latin-1")
        request.headers["Authorization"] = opa.sign_opa(
            MERCHANT["api_key"], MERCHANT["api_secret"], request.method, path, kind, body
        )
        return request


@schemathesis.hook
def before_call(context, case, kwargs):
    kwargs["auth"] = Signed()
