"""The official Python SDK, unmodified from PyPI, against a running server: it creates, reads, cancels and refunds,
sets aside, captures and reverts."""

import paypayopa
import pytest

import opa

DEV = opa.dev()
MERCHANT = DEV["merchant"]


def sdk(secret=MERCHANT["api_secret"], merchant=MERCHANT["id"]):
    client = paypayopa.Client(auth=(MERCHANT["api_key"], secret), base_url=DEV["base_url"].rstrip("/"))
    if merchant is not None:
        client.set_assume_merchant(str(merchant))
    return client


def payment(amount, **more):
    return {
        "merchantPaymentId": opa.fresh_id("python"),
        "userAuthorizationId": DEV["customers"][0]["user_authorization_id"],
        "amount": {"amount": amount, "currency": "JPY"},
        "orderDescription": "注文 — お茶とおにぎり",
        **more,
    }


def good(answer):
    assert answer["resultInfo"]["code"] == "SUCCESS", answer
    assert answer["resultInfo"]["codeId"] == "08100001"
    return answer["data"]


def refused(answer, code):
    assert answer["resultInfo"]["code"] == code, answer
    assert answer["resultInfo"]["codeId"].isdigit()
    assert answer.get("data") is None


def test_a_payment_is_created_and_read():
    asked = payment(130)
    made = good(sdk().Payment.create(dict(asked)))
    assert made["status"] == "COMPLETED"
    assert made["amount"] == {"amount": 130, "currency": "JPY"}
    read = good(sdk().Payment.get_payment_details(asked["merchantPaymentId"]))
    assert read["paymentId"] == made["paymentId"]
    assert read["orderDescription"] == "注文 — お茶とおにぎり"


def test_a_client_that_names_no_merchant_sends_an_empty_header_and_works():
    good(sdk(merchant=None).Payment.create(payment(110)))


def test_the_same_payment_again_gets_the_first_answer():
    asked = payment(140, requestedAt=1_700_000_000)
    first = good(sdk().Payment.create(dict(asked)))
    again = good(sdk().Payment.create({**asked, "requestedAt": 1_700_000_099}))
    assert again == first


def test_another_payment_under_the_same_id_is_a_conflict():
    asked = payment(150)
    good(sdk().Payment.create(dict(asked)))
    other = {**asked, "amount": {"amount": 151, "currency": "JPY"}}
    refused(sdk().Payment.create(other), "IDEMPOTENCY_CONFLICT")


def test_a_payment_is_cancelled():
    asked = payment(160)
    good(sdk().Payment.create(dict(asked)))
    answer = sdk().Payment.cancel_payment(asked["merchantPaymentId"])
    assert answer["resultInfo"]["code"] == "REQUEST_ACCEPTED", answer
    read = good(sdk().Payment.get_payment_details(asked["merchantPaymentId"]))
    # The format has one word for what was undone and for what never came about.
    assert read["status"] == "FAILED"
    assert isinstance(read["canceledAt"], int)


@pytest.mark.parametrize("parts", [[300], [100, 200]], ids=["in full", "in part, then the rest"])
def test_a_payment_is_refunded_and_never_for_more(parts):
    made = good(sdk().Payment.create(payment(300)))

    def refund(amount):
        return {
            "merchantRefundId": opa.fresh_id("python-refund"),
            "paymentId": made["paymentId"],
            "amount": {"amount": amount, "currency": "JPY"},
            "reason": "返品",
        }

    for part in parts:
        asked = refund(part)
        # This SDK posts to /v2/refunds/, with the slash, and signs it so.
        first = good(sdk().Payment.refund_payment(dict(asked)))
        assert first["status"] in ("CREATED", "REFUNDED")
        assert good(sdk().Payment.refund_payment(dict(asked))) == first
        assert good(sdk().Payment.refund_details(asked["merchantRefundId"]))["paymentId"] == made["paymentId"]
    # The other path, without the slash, is what the pending resource uses.
    refused(sdk().Pending.refund_payment(refund(1)), "INVALID_PARAMS")


def test_an_amount_is_set_aside_and_captured_once_or_given_back():
    asked = payment(500)
    aside = good(sdk().Preauth.pre_authorize_create(dict(asked)))
    assert aside["status"] == "AUTHORIZED"

    def capture(amount):
        body = {
            "merchantPaymentId": asked["merchantPaymentId"],
            "merchantCaptureId": opa.fresh_id("python-capture"),
            "amount": {"amount": amount, "currency": "JPY"},
            "orderDescription": "自転車",
        }
        return sdk().Payment.capture_payment(body)

    refused(capture(501), "HIGHER_CAPTURE_NOT_PERMITTED")
    captured = good(capture(200))
    assert captured["status"] == "COMPLETED"
    assert captured["paymentId"] == aside["paymentId"]
    refused(capture(200), "ALREADY_CAPTURED")

    other = good(sdk().Preauth.pre_authorize_create(payment(300)))
    revert = {"merchantRevertId": opa.fresh_id("python-revert"), "paymentId": other["paymentId"], "reason": "中止"}
    assert good(sdk().Payment.revert_payment(revert))["status"] == "CANCELED"
    read = good(sdk().Payment.get_payment_details(other["merchantPaymentId"]))
    assert read["status"] == "CANCELED"


def test_a_wrong_secret_and_another_merchant_are_refused_alike():
    refused(sdk(secret="wrong").Payment.create(payment(10)), "UNAUTHORIZED")
    refused(sdk(merchant="999999999").Payment.create(payment(10)), "UNAUTHORIZED")


def test_what_is_not_there_is_not_found():
    refused(sdk().Payment.get_payment_details(opa.fresh_id("never")), "RESOURCE_NOT_FOUND")
    refused(sdk().Payment.refund_details(opa.fresh_id("never")), "NO_SUCH_REFUND_ORDER")


def test_a_scanned_code_pays_once_through_the_sdks_own_signature():
    till = MERCHANT["tills"][0]
    code = opa.fresh_code(DEV["customers"][0]["name"])

    def scan():
        body = {
            "merchantPaymentId": opa.fresh_id("python-scan"),
            "code": code,
            "storeId": str(till["store_id"]),
            "terminalId": str(till["id"]),
            "amount": {"amount": 120, "currency": "JPY"},
        }
        return sdk().post("/v2/cpm/payments", body, api_id="scan")

    assert good(scan())["status"] == "COMPLETED"
    refused(scan(), "CUSTOMER_CODE_SPENT")
