"""A customer without passkeys, whose authenticator app is pyotp: it reads our QR code's address, makes the codes, and gets in."""

import base64
import hashlib
import http.client
import json
import os
import re
import secrets
import time
import urllib.parse
import urllib.request

import opa
import pyotp
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

DEV = opa.dev()
WALLET = urllib.parse.urlsplit(DEV["wallet_url"])
CONTACT = f"pyotp-{secrets.token_hex(4)}@example.com"
PASSWORD = "わたしのねこはみけ " + secrets.token_hex(4)


def base64url(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


class Phone:
    """A browser: keeps cookies and a key of its own, sends what the wallet's page sends."""

    def __init__(self):
        self.cookies = {}
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.nonce = ""

    def proof(self, method, path):
        """The proof of one request (DPoP, RFC 9449), as a library that is not ours signs it."""
        numbers = self.key.public_key().public_numbers()
        jwk = {"kty": "EC", "crv": "P-256", "x": base64url(numbers.x.to_bytes(32, "big")), "y": base64url(numbers.y.to_bytes(32, "big"))}
        claims = {"jti": secrets.token_hex(16), "htm": method, "htu": f"{WALLET.scheme}://{WALLET.netloc}{path}", "iat": int(time.time()), "nonce": self.nonce}
        token = self.cookies.get("__Host-mamori_wallet")
        if token:
            claims["ath"] = base64url(hashlib.sha256(token.encode()).digest())
        head = {"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk}
        signed = ".".join(base64url(json.dumps(part).encode()) for part in (head, claims))
        r, s = decode_dss_signature(self.key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{base64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def call(self, method, path, body=None):
        status, told = self.once(method, path, body)
        # The first nonce comes with the first answer.
        return self.once(method, path, body) if told.get("refusal") == "use_dpop_nonce" else (status, told)

    def once(self, method, path, body):
        connection = http.client.HTTPConnection("127.0.0.1", WALLET.port, timeout=20)
        headers = {"Host": WALLET.netloc, "Sec-Fetch-Site": "same-origin", "Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())}
        if method == "POST":
            headers |= {"Origin": f"{WALLET.scheme}://{WALLET.netloc}", "Content-Type": "application/json"}
        headers["DPoP"] = self.proof(method, path)
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        for line in answer.headers.get_all("Set-Cookie") or []:
            name, value = line.split(";")[0].split("=", 1)
            self.cookies[name] = value
        self.nonce = answer.headers.get("DPoP-Nonce", self.nonce)
        told = json.loads(answer.read())
        connection.close()
        return answer.status, told

    def post(self, path, **body):
        status, told = self.call("POST", path, body)
        assert status == 200, (path, told)
        return told


def code_from_inbox():
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with urllib.request.urlopen(urllib.parse.urljoin(DEV["inbox_url"], "/api/messages")) as answer:
            for message in json.load(answer)["messages"]:
                if message["to"] == CONTACT:
                    return re.search(r"(?<!\d)\d{6}(?!\d)", message["text"]).group()
    raise AssertionError("no message came")


def remember(*words):
    """What must stand in no log: the suite `secrets` looks for it."""
    if os.environ.get("MAMORI_SECRETS"):
        with open(os.environ["MAMORI_SECRETS"], "a", encoding="utf-8") as file:
            file.write("".join(f"{word}\n" for word in words))


def test_an_app_that_others_wrote_signs_up_and_in():
    phone = Phone()
    sign_up = phone.post("/api/sign-up/start", contact=CONTACT, locale="ja")["sign_up"]
    phone.post("/api/sign-up/prove", sign_up=sign_up, code=code_from_inbox(), display_name="ピョ")
    begun = phone.post("/api/sign-up/password/start", sign_up=sign_up)
    app = pyotp.parse_uri(begun["uri"])
    assert (app.issuer, app.digits, app.interval, app.digest().name) == ("Mamori", 6, 30, "sha1")
    # As people copy it: lower case, spaces.
    assert pyotp.TOTP(begun["key"].lower().replace(" ", "").upper()).secret == app.secret
    assert len(app.byte_secret()) == 20
    remember(PASSWORD, app.secret, begun["key"])
    step = int(time.time()) // 30
    phone.post("/api/sign-up/password/finish", enrolment=begun["enrolment"], password=PASSWORD, code=app.at(step * 30))
    assert phone.call("GET", "/api/home")[0] == 200

    elsewhere = Phone()
    # The next step's, as from a clock that is a little ahead: each counts once.
    code = app.at((step + 1) * 30)
    begun = elsewhere.post("/api/password/sign-in/start", contact=CONTACT, password=PASSWORD)
    elsewhere.post("/api/password/sign-in/finish", sign_in=begun["sign_in"], code=code)
    assert elsewhere.call("GET", "/api/home")[0] == 200

    thief = Phone()
    begun = thief.post("/api/password/sign-in/start", contact=CONTACT, password=PASSWORD)
    status, told = thief.call("POST", "/api/password/sign-in/finish", {"sign_in": begun["sign_in"], "code": code})
    assert (status, told["refusal"]) == (409, "sign_in_refused"), "the code was used"
