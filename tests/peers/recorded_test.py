"""What the official PHP and Java SDKs put on the wire, told from their documentation and written anew: their spellings of the content
type, of booleans, of what was not set. The SDKs themselves run nowhere here; Node's and Python's do, in the tests beside this one."""

import http.client
import json
import secrets
import string
import time
import urllib.parse

import opa
import pytest

DEV = opa.dev()
SERVER = urllib.parse.urlsplit(DEV["base_url"])
KEY, SECRET, MERCHANT = DEV["merchant"]["api_key"], DEV["merchant"]["api_secret"], str(DEV["merchant"]["id"])
PERMISSION = DEV["customers"][1]["user_authorization_id"]


def yen(amount):
    return {"amount": amount, "currency": "JPY"}


class Sdk:
    """One SDK's way of sending a call."""

    def send(self, method, target, body, content_type, nonce, headers):
        path = target.split("?")[0]
        data = b"" if body is None else body
        signature = opa.sign_opa(KEY, SECRET, method, path, content_type, data, nonce=nonce)
        connection = http.client.HTTPConnection(SERVER.hostname, SERVER.port, timeout=20)
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in {"Authorization": signature, "Content-Type": content_type, **headers}.items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(data)))
        connection.endheaders(body)
        answer = connection.getresponse()
        told = json.loads(answer.read())
        connection.close()
        return answer.status, told["resultInfo"]["codeId"], told["data"]

    def good(self, method, target, body=None, status=200):
        told = self.call(method, target, body)
        assert told[:2] == (status, "08100001"), (self.name, method, target, told)
        return told[2]


class Php(Sdk):
    """Guzzle and json_encode: slashes escaped, characters beyond ASCII as \\u, a trailing semicolon behind the charset, the literal
    type `empty` where there is no body, `true` in a query as 1, and null for what was not set."""

    name = "php"
    agree = "agreeSimilarTransaction=1"
    unset = {"storeId": None, "terminalId": None, "orderDescription": None, "orderItems": None, "metadata": None}

    def call(self, method, target, body=None):
        data = None if body is None else json.dumps(body, separators=(",", ":")).replace("/", "\\/").encode()
        kind = "empty" if body is None else "application/json;charset=UTF-8;"
        return self.send(method, target, data, kind, secrets.token_hex(8), {"X-ASSUME-MERCHANT": MERCHANT})


class Java(Sdk):
    """OkHttp and Gson: what was not set is left out, a content type without a body, eight lower-case letters and digits as nonce."""

    name = "java"
    agree = "agreeSimilarTransaction=true"
    unset = {}

    def call(self, method, target, body=None):
        data = None if body is None else json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        nonce = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(8))
        headers = {"X-ASSUME-MERCHANT": MERCHANT, "Accept": "application/json", "User-Agent": "PaypaySDK/1.0.8/java"}
        return self.send(method, target, data, "application/json;charset=UTF-8", nonce, headers)


@pytest.fixture(params=[Php(), Java()], ids=lambda sdk: sdk.name)
def sdk(request):
    return request.param


def payment(sdk, amount):
    return {
        "merchantPaymentId": opa.fresh_id(sdk.name),
        "userAuthorizationId": PERMISSION,
        "amount": yen(amount),
        "requestedAt": int(time.time()),
        "orderReceiptNumber": "領収/1",
        **sdk.unset,
    }


def test_a_payment_is_made_read_refunded_and_cancelled(sdk):
    asked = payment(sdk, 130)
    paid = sdk.good("POST", f"/v2/payments?{sdk.agree}", asked)
    assert (paid["status"], paid["storeId"], paid["orderReceiptNumber"]) == ("COMPLETED", None, "領収/1")
    refund = {
        "merchantRefundId": opa.fresh_id(sdk.name),
        "paymentId": paid["paymentId"],
        "amount": yen(30),
        "requestedAt": int(time.time()),
        "reason": None if sdk.unset else "傷み",
    }
    sdk.good("POST", "/v2/refunds", refund)
    read = sdk.good("GET", f"/v2/refunds/{refund['merchantRefundId']}?paymentId={paid['paymentId']}")
    assert read["amount"] == yen(30)
    read = sdk.good("GET", f"/v2/payments/{asked['merchantPaymentId']}")
    assert [part["amount"] for part in read["refunds"]["data"]] == [yen(30)]
    other = payment(sdk, 70)
    sdk.good("POST", f"/v2/payments?{sdk.agree}", other)
    sdk.good("DELETE", f"/v2/payments/{other['merchantPaymentId']}", status=202)


def test_money_is_set_aside_taken_and_given_back(sdk):
    aside = payment(sdk, 400)
    sdk.good("POST", f"/v2/payments/preauthorize?{sdk.agree}", aside)
    capture = {
        "merchantPaymentId": aside["merchantPaymentId"],
        "merchantCaptureId": opa.fresh_id(sdk.name),
        "amount": yen(250),
        "requestedAt": int(time.time()),
        "orderDescription": "自転車",
    }
    taken = sdk.good("POST", "/v2/payments/capture", capture)
    assert taken["captures"]["data"][0]["amount"] == yen(250)
    held = sdk.good("POST", f"/v2/payments/preauthorize?{sdk.agree}", payment(sdk, 300))
    revert = {"merchantRevertId": opa.fresh_id(sdk.name), "paymentId": held["paymentId"], "requestedAt": int(time.time()), "reason": "雨"}
    back = sdk.good("POST", "/v2/payments/preauthorize/revert", revert)
    assert back["status"] == "CANCELED"


def test_what_must_be_there_may_not_be_null(sdk):
    for field in ["merchantPaymentId", "userAuthorizationId", "amount"]:
        status, code_id, _ = sdk.call("POST", "/v2/payments", {**payment(sdk, 10), field: None})
        assert (status, code_id) == (400, "08100006"), field
