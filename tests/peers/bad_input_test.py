"""Every field of every call of the merchant API, wrong in every way: each is a typed refusal, none a server error.

The calls and their fields are read from the API description, so that a new field is tested without a line here. What is
sent is written by hand, byte for byte: no client library stands between, to mend it.
"""

import http.client
import json
import os
import socket
import time
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import opa

DEV = opa.dev()
MERCHANT = DEV["merchant"]
KEY, SECRET = MERCHANT["api_key"], MERCHANT["api_secret"]
ADDRESS = urlsplit(DEV["base_url"])
SPEC = json.loads((Path(__file__).parents[2] / "docs/openapi.json").read_text(encoding="utf-8"))
JSON = "application/json"


class Answer:
    """Status and envelope of an answer; whatever is not an envelope fails the test here."""

    def __init__(self, status, body, what):
        self.status, self.what = status, what
        assert status < 500, f"{what}: {status} {body[:300]!r}"
        self.body = body
        info = json.loads(body)["resultInfo"]
        assert info["code"] and info["codeId"].isdigit() and info["message"], f"{what}: {info}"
        self.code, self.message = info["code"], info["message"]

    def is_refused(self, *codes):
        assert 400 <= self.status < 500, f"{self.what}: {self.status} {self.code}"
        assert not codes or self.code in codes, f"{self.what}: {self.status} {self.code} {self.message}"
        return self


def connect():
    return http.client.HTTPConnection(ADDRESS.hostname, ADDRESS.port, timeout=60)


def send(method, target, body=b"", content_type=JSON, headers=None, what=""):
    """One request as given; signed over exactly these bytes unless `headers` says otherwise."""
    path = target.split("?")[0]
    kind = content_type if body else None
    sent = {"Authorization": opa.sign_opa(KEY, SECRET, method, path, kind, body)}
    if kind:
        sent["Content-Type"] = kind
    if headers is not None:
        sent.update(headers)
    connection = connect()
    connection.putrequest(method, target, skip_accept_encoding=True)
    for name, values in sent.items():
        for value in [values] if isinstance(values, (str, bytes)) else values or []:
            connection.putheader(name, value)
    if body or method == "POST":
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders()
    try:
        connection.send(body)
    except (BrokenPipeError, ConnectionResetError):
        pass  # a server may answer a body that is too long before it has read it
    answer = connection.getresponse()
    return Answer(answer.status, answer.read(), what or f"{method} {target} {body[:200]!r}")


class Raw(str):
    """A value written into the body as it stands, for what no JSON library would write."""


def encode(value):
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{encode(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(encode, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def resolve(schema):
    while "$ref" in schema:
        found = SPEC
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        schema = found
    # An optional member may be null, which is as good as absent: what it may hold else is what is tried here.
    if isinstance(schema.get("type"), list):
        schema = {**schema, "type": next(kind for kind in schema["type"] if kind != "null")}
    return schema


def wrong_values(schema, required):
    """(why, value) of everything that a field of this schema must not be."""
    kind = schema.get("type")
    others = {"text": "x", "number": 1, "fraction": 1.5, "true": True, "list": [], "object": {}}
    if required:
        others["null"] = None
    own = {"string": ["text"], "integer": ["number"], "array": ["list"], "object": ["object"]}[kind]
    for why, value in others.items():
        if why not in own:
            yield why, value
    if kind == "integer":
        low, high = schema["minimum"], schema["maximum"]
        yield "one too low", low - 1
        yield "one too high", high + 1
        for text in ["-1", "9223372036854775808", "18446744073709551616", "-9223372036854775809", "1" * 400, "1e2", "1e400", "NaN", "Infinity", "0x10", "+1", "01", "１"]:
            yield f"number {text[:12]}", Raw(text)
        yield "number as text", "100"
    if kind == "string":
        if schema.get("minLength", 0) > 0:
            yield "empty", ""
        if "enum" in schema:
            yield "not in the list", schema["enum"][0] + "x"
            yield "lower case", schema["enum"][0].lower()
        if "maxLength" in schema:
            yield "too long", "a" * (schema["maxLength"] + 1)
            yield "far too long", "a" * 60_000
        if "pattern" in schema or "enum" in schema:
            yield "with a NUL", Raw('"a\\u0000b"')
            yield "with a line feed", Raw('"a\\nb"')
            yield "written backwards", "a\u202eb"
        if schema.get("pattern") == "^[A-Za-z0-9_-]+$":
            for value in ["a b", "a/b", "あ", "a.b", "a'b", "../a", "%41", "ａ", "a\u0301"]:
                yield f"with {value}", value
        yield "half a surrogate pair", Raw('"\\ud83d"')
        yield "a raw control character", Raw('"a\x01b"')
        yield "an unknown escape", Raw('"\\x41"')
    if kind == "array" and "maxItems" in schema:
        yield "of nothings", [None]
        yield "of numbers", [1, 2]


def right_value(name, schema):
    kind = schema.get("type")
    if name == "code":
        return "000000000000000000000000"
    if name == "userAuthorizationId":
        return DEV["customers"][0]["user_authorization_id"]
    if kind == "integer":
        return 100
    if kind == "object":
        return right_body(schema)
    if kind == "array":
        return [right_value(name, resolve(schema["items"]))]
    if "enum" in schema:
        return schema["enum"][0]
    return opa.fresh_id("bad") if name.startswith("merchant") else "1"


def right_body(schema):
    """Every field in order, the optional ones too."""
    return {name: right_value(name, resolve(inner)) for name, inner in schema.get("properties", {}).items() if resolve(inner).get("type")}


def places(schema, path=()):
    """(path, schema, required) of every field at every depth."""
    for name, inner in schema.get("properties", {}).items():
        inner = resolve(inner)
        if "type" not in inner:
            continue
        yield (*path, name), inner, name in schema.get("required", [])
        if inner["type"] == "object":
            yield from places(inner, (*path, name))
        if inner["type"] == "array":
            yield from places(resolve(inner["items"]), (*path, name, 0))


def with_value(body, path, value):
    copy = json.loads(json.dumps(body))
    place = copy
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return copy


def without(body, path):
    copy = json.loads(json.dumps(body))
    place = copy
    for step in path[:-1]:
        place = place[step]
    del place[path[-1]]
    return copy


def bodies():
    """(target, schema) of every call that takes a body."""
    for target, methods in SPEC["paths"].items():
        for method, call in methods.items():
            if "requestBody" in call:
                assert method == "post"
                yield target, resolve(call["requestBody"]["content"][JSON]["schema"])


CALLS = list(bodies())
FIELDS = [(target, path, schema, required, whole) for target, whole in CALLS for path, schema, required in places(whole)]
NAMES = [f"{target} {'.'.join(map(str, path))}" for target, path, *_ in FIELDS]
MALFORMED = ("INVALID_REQUEST_PARAMS", "MISSING_REQUEST_PARAMS")


@pytest.mark.parametrize(("target", "path", "schema", "required", "whole"), FIELDS, ids=NAMES)
def test_a_wrong_field_is_refused_by_its_name(target, path, schema, required, whole):
    right = right_body(whole)
    for why, value in wrong_values(schema, required):
        what = f"{target} {path} {why}"
        answer = send("POST", target, encode(with_value(right, path, value)).encode("utf-8", "surrogatepass"), what=what)
        answer.is_refused(*MALFORMED)
    if required:
        send("POST", target, encode(without(right, path)).encode(), what=f"{target} without {path}").is_refused(*MALFORMED)
    doubled = encode(with_value(right, path, Raw("@@"))).replace("@@", f"{encode(right_at(right, path))},{json.dumps(path[-1])}:{encode(right_at(right, path))}")
    if isinstance(path[-1], str):
        send("POST", target, doubled.encode(), what=f"{target} {path} twice").is_refused(*MALFORMED)


def right_at(body, path):
    for step in path:
        body = body[step]
    return body


@pytest.mark.parametrize(("target", "whole"), CALLS, ids=[target for target, _ in CALLS])
def test_a_body_that_is_no_request_is_refused(target, whole):
    right = encode(right_body(whole)).encode()
    for what, body in {
        "no body": b"",
        "not JSON": b"amount=100",
        "a number": b"1",
        "a list": b"[" + right + b"]",
        "a text": b'"x"',
        "null": b"null",
        "cut short": right[:-1],
        "more behind it": right + b"{}",
        "a comma too many": right[:-1] + b",}",
        "a byte order mark": b"\xef\xbb\xbf" + right,
        "UTF-16": right.decode().encode("utf-16"),
        "not UTF-8": right.replace(b'"1"', b'"\xff\xfe"', 1),
        "deep": b"[" * 30_000 + b"]" * 30_000,
        "deep in a field": b'{"metadata":' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"," + right[1:],
        "an empty object": b"{}",
        "an empty name": b'{"":1}',
        "NUL": b"\x00",
    }.items():
        send("POST", target, body, what=f"{target}: {what}").is_refused()


@pytest.mark.parametrize(("target", "whole"), CALLS, ids=[target for target, _ in CALLS])
def test_a_huge_body_is_refused_before_it_is_kept(target, whole):
    right = right_body(whole)
    huge = encode({**right, "metadata": "x" * 5_000_000}).encode()
    send("POST", target, huge, what=f"{target}: 5 MB").is_refused()


def test_a_body_that_never_comes_is_refused_and_not_waited_for():
    with socket.create_connection((ADDRESS.hostname, ADDRESS.port), timeout=90) as line:
        body = b'{"merchantPaymentId":"never"}'
        signature = opa.sign_opa(KEY, SECRET, "POST", "/v2/payments", JSON, body)
        head = f"POST /v2/payments HTTP/1.1\r\nHost: {ADDRESS.netloc}\r\nAuthorization: {signature}\r\nContent-Type: {JSON}\r\nContent-Length: {len(body)}\r\n\r\n"
        line.sendall(head.encode() + body[:5])
        answer = http.client.HTTPResponse(line)
        answer.begin()
        Answer(answer.status, answer.read(), "slow body").is_refused()


def signed(**changes):
    """A right payment and its headers, one thing changed."""
    body = encode({
        "merchantPaymentId": opa.fresh_id("sign"),
        "userAuthorizationId": DEV["customers"][0]["user_authorization_id"],
        "amount": {"amount": 10, "currency": "JPY"},
    }).encode()
    parts = {"key": KEY, "secret": SECRET, "method": "POST", "path": "/v2/payments", "content_type": JSON, "body": body, "epoch": None, "nonce": None}
    parts.update(changes)
    return body, opa.sign_opa(**parts)


def test_every_way_to_sign_wrongly_is_the_same_401():
    now = int(time.time())
    body, right = signed()
    cases = {
        "no header": None,
        "an empty header": "",
        "another scheme": "Basic dXNlcjpwYXNz",
        "only the scheme": "hmac OPA-Auth:",
        "a field less": right.rsplit(":", 1)[0],
        "a field more": right + ":x",
        "a long header": "hmac OPA-Auth:" + "a" * 7_000,
        "not ASCII": b"hmac OPA-Auth:\xe3\x81\x82:x:y:1:z",
        "twice": [right, right],
        "another key": signed(key="nobody")[1],
        "another secret": signed(secret="wrong")[1],
        "the MAC of another body": signed(body=b"{}")[1],
        "another path": signed(path="/v2/refunds")[1],
        "another method": signed(method="GET")[1],
        "another content type": signed(content_type="application/json;charset=UTF-8")[1],
        "two minutes ago": signed(epoch=now - 121)[1],
        "two minutes ahead": signed(epoch=now + 125)[1],
        "at the beginning of time": signed(epoch=0)[1],
        "before it": signed(epoch=-1)[1],
        "in milliseconds": signed(epoch=now * 1000)[1],
        "at the end of time": signed(epoch=2**63)[1],
        "at no time": signed(epoch="now")[1],
        "without a nonce": signed(nonce=" ")[1].replace(": :", "::"),
        "a MAC that is no base64": right.replace(right.split(":")[2], "!" * 44),
        "a short MAC": right.replace(right.split(":")[2], "AAAA"),
        "a body hash of nothing": right.rsplit(":", 1)[0] + ":empty",
        "our own scheme, wrong MAC": opa.sign_mamori(KEY, "wrong", "POST", "/v2/payments", body),
        "our own scheme, another query": opa.sign_mamori(KEY, SECRET, "POST", "/v2/payments?a=1", body),
    }
    for what, header in cases.items():
        send("POST", "/v2/payments", body, headers={"Authorization": header}, what=what).is_refused("UNAUTHORIZED")


def test_a_signature_is_decided_once_and_told_again():
    for header in [None, "ours"]:
        body, authorization = signed()
        if header:
            authorization = opa.sign_mamori(KEY, SECRET, "POST", "/v2/payments", body)
        first = send("POST", "/v2/payments", body, headers={"Authorization": authorization})
        assert first.status == 200, first.code
        again = send("POST", "/v2/payments", body, headers={"Authorization": authorization})
        assert (again.status, again.body) == (200, first.body)


def test_a_merchant_that_is_not_the_keys_own_is_401():
    body, _ = signed()
    for name in ["999999999", "0", "-1", "x" * 300, "あ".encode(), "4294967296"]:
        send("POST", "/v2/payments", body, headers={"X-ASSUME-MERCHANT": name}, what=f"header {name!r}").is_refused("UNAUTHORIZED")
    for query in ["999999999", "%00", "x" * 300, f"{MERCHANT['id']}&assumeMerchant=999999999"]:
        send("POST", f"/v2/payments?assumeMerchant={query}", body, what=f"query {query}").is_refused()


def test_odd_paths_and_methods_get_an_envelope_too():
    right = "never-" + uuid.uuid4().hex
    for method, target in [
        ("GET", "/"),
        ("GET", "/v2"),
        ("GET", "/v2/nothing"),
        ("GET", "/v2/payments"),
        ("GET", "/v2/payments/"),
        ("PUT", "/v2/payments"),
        ("PATCH", f"/v2/payments/{right}"),
        ("DELETE", "/v2/payments"),
        ("DELETE", f"/v2/refunds/{right}"),
        ("POST", f"/v2/payments/{right}"),
        ("GET", f"/v2/payments/{right}"),
        ("GET", "/v2/payments/%00"),
        ("GET", "/v2/payments/%ff%fe"),
        ("GET", "/v2/payments/%E3%81%82"),
        ("GET", "/v2/payments/..%2f..%2fetc%2fpasswd"),
        ("GET", "/v2/payments/" + "a" * 65),
        ("GET", "/v2/payments/" + "a" * 8_000),
        ("GET", "/v2/payments/a%20b"),
        ("GET", "/v2/payments/a'--"),
        ("GET", f"/v2/refunds/{right}?paymentId=x"),
        ("GET", f"/v2/refunds/{right}?paymentId="),
        ("GET", f"/v2/refunds/{right}?paymentId=1&paymentId=2"),
        ("GET", "/v2/refunds/%00"),
        ("DELETE", "/v2/payments/%00"),
        ("DELETE", "/v2/payments/" + "a" * 65),
        ("POST", "/v2/payments?agreeSimilarTransaction=maybe"),
        ("POST", "/v2/payments?agreeSimilarTransaction=true&agreeSimilarTransaction=false"),
    ]:
        send(method, target, what=f"{method} {target[:80]}").is_refused()


def test_after_all_this_a_payment_works():
    body, authorization = signed()
    answer = send("POST", "/v2/payments", body, headers={"Authorization": authorization})
    assert (answer.status, answer.code) == (200, "SUCCESS")
