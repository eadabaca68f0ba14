"""A stateful stand-in for Firebase Cloud Messaging (HTTP v1) and for Google's token endpoint, which the real
``firebase-admin`` speaks to with a throw-away service account.

It checks the assertion (signature, audience, scope, life), the bearer token, and the message's form. Answers by
address: ``state[fid]``, a key of ERRORS, ``HANG`` or ``DROP``. It lives in a thread of its own: the library fetches its
token with a blocking client, and would wait for ever for a server in its own loop.
"""

import base64
import http.server
import json
import secrets
import threading
import time
from typing import Any
from urllib.parse import parse_qs

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from foundation.errors import JsonObject

_SCOPES = ("https://www.googleapis.com/auth/firebase.messaging", "https://www.googleapis.com/auth/cloud-platform")
_FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"

ERRORS: dict[str, tuple[int, str]] = {
    "UNREGISTERED": (404, "NOT_FOUND"),
    "SENDER_ID_MISMATCH": (403, "PERMISSION_DENIED"),
    "THIRD_PARTY_AUTH_ERROR": (401, "UNAUTHENTICATED"),
    "QUOTA_EXCEEDED": (429, "RESOURCE_EXHAUSTED"),
    "INVALID_ARGUMENT": (400, "INVALID_ARGUMENT"),
    "UNAVAILABLE": (503, "UNAVAILABLE"),
    "INTERNAL": (500, "INTERNAL"),
}
"""By FCM's error code: HTTP status and google.rpc status (Firebase's page "FCM Error Codes")."""

Answer = tuple[int, dict[str, Any], dict[str, str]]


class FakeFcm:
    """One project."""

    def __init__(self, project: str = "linkid-test") -> None:
        self.project = project
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.email = f"sender@{project}.iam.gserviceaccount.com"
        self.state: dict[str, str] = {}
        self.requests: list[str] = []
        self.sent: list[JsonObject] = []
        self.token_fetches = 0
        self.token_status = 200
        self.may_answer = threading.Event()
        """Cleared, the token endpoint and addresses that HANG keep silent."""
        self.may_answer.set()
        self._tokens: set[str] = set()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @property
    def send_url(self) -> str:
        """With a place for the project, as the library has it."""
        return self.url + "/v1/projects/{0}/messages:send"

    def service_account(self) -> str:
        """The file that Google would give."""
        pem = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return json.dumps(
            {
                "type": "service_account",
                "project_id": self.project,
                "private_key_id": "1",
                "private_key": pem.decode(),
                "client_email": self.email,
                "client_id": "1",
                "token_uri": self.url + "/token",
            }
        )

    def start(self) -> None:
        """Serve."""
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Serve no more."""
        self.may_answer.set()
        self._server.shutdown()
        self._server.server_close()

    def forget_tokens(self) -> None:
        """Every token given out is void."""
        self._tokens.clear()

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> Answer | None:
        """What this request gets; None: the connection is closed."""
        if path == "/token":
            return self._token(body)
        if path == f"/v1/projects/{self.project}/messages:send":
            return self._send(headers, body)
        return 404, {"error": {"code": 404, "status": "NOT_FOUND"}}, {}

    def _token(self, body: bytes) -> Answer:
        self.token_fetches += 1
        self.may_answer.wait(10)
        if self.token_status != 200:
            return self.token_status, {"error": "invalid_grant"}, {}
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        try:
            head, payload, signature = form["assertion"].split(".")
            signed = f"{head}.{payload}".encode()
            self.key.public_key().verify(_bytes(signature), signed, padding.PKCS1v15(), hashes.SHA256())
            claims = json.loads(_bytes(payload))
            assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
            assert claims["iss"] == self.email
            assert claims["exp"] > time.time()
            assert any(scope in claims["scope"].split() for scope in _SCOPES)
        except Exception as cause:
            return 400, {"error": "invalid_grant", "error_description": type(cause).__name__}, {}
        token = "ya29." + secrets.token_urlsafe(24)
        self._tokens.add(token)
        return 200, {"access_token": token, "expires_in": 3599, "token_type": "Bearer"}, {}

    def _send(self, headers: dict[str, str], body: bytes) -> Answer:
        if headers.get("authorization", "").removeprefix("Bearer ") not in self._tokens:
            return self._error("UNAUTHENTICATED", 401, "UNAUTHENTICATED")
        message = json.loads(body.decode("utf-8")).get("message", {})
        addresses = [message[name] for name in ("token", "fid", "topic", "condition") if name in message]
        data = message.get("data", {})
        if len(addresses) != 1 or not all(isinstance(value, str) for value in data.values()) or len(body) > 4096:
            return self._error("INVALID_ARGUMENT", *ERRORS["INVALID_ARGUMENT"])
        state = self.state.get(addresses[0], "OK")
        self.requests.append(addresses[0])
        if state == "HANG":
            self.may_answer.wait(10)
        if state == "DROP":
            return 0, {}, {}
        if state in ERRORS:
            return self._error(state, *ERRORS[state])
        self.sent.append(message)
        return 200, {"name": f"projects/{self.project}/messages/{len(self.sent)}"}, {}

    def _error(self, code: str, status: int, rpc: str) -> Answer:
        details = [{"@type": _FCM_ERROR, "errorCode": code}]
        extra = {"Retry-After": "60"} if status == 429 else {}
        return status, {"error": {"code": status, "message": "refused", "status": rpc, "details": details}}, extra


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is none of our business."""


def _handler(fake: FakeFcm) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answered = fake.answer(self.path, headers, body)
            if answered is None or answered[0] == 0:
                self.close_connection = True
                return
            status, content, extra = answered
            text = json.dumps(content).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", "Content-Length": str(len(text)), **extra}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_args: Any) -> None:
            """Silence."""

    return Handler


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
