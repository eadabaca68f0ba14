"""A stateful loopback stand-in for Twilio's Messages API (2010-04-01), for the real `twilio` library to talk to.

What it gets and what it answers is judged by Twilio's OpenAPI document (`twilio_facts.py`); `faults` has what departs
from it, and whoever uses it demands that there is none. `numbers` scripts what
happens to a recipient: a Twilio error code, an HTTP status, `"slow"` (answers after `slow_seconds`), `"broken"` (takes
the request and hangs up), or `"failed"` (accepted, then failed at once).
"""

import asyncio
import base64
import hashlib
import hmac
import re
import secrets
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from aiohttp import web

from tests.support.twilio_facts import answer_faults, request_faults

ERRORS = {
    20003: (401, "Authenticate"),
    20404: (404, "The requested resource was not found"),
    20429: (429, "Too Many Requests"),
    20500: (500, "Internal server error"),
    20503: (503, "Service unavailable"),
    21211: (400, "Invalid 'To' Phone Number"),
    21602: (400, "Message body is required"),
    21603: (400, "A 'From' phone number is required"),
    21604: (400, "A 'To' phone number is required"),
    21610: (400, "Attempt to send to unsubscribed recipient"),
}
_STATUS_CODES = {429: 20429, 500: 20500, 503: 20503}


class FakeTwilio:
    """One account, one key."""

    def __init__(self) -> None:
        self.account = "AC" + secrets.token_hex(16)
        self.key = "SK" + secrets.token_hex(16)
        self.secret = secrets.token_hex(16)
        self.numbers: dict[str, int | str] = {}
        self.slow_seconds = 30.0
        self.messages: dict[str, dict[str, Any]] = {}
        self.auth_token = secrets.token_hex(16)
        self.posts: list[dict[str, str]] = []
        self.faults: list[str] = []
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen on a free loopback port; `url` is where."""
        app = web.Application(middlewares=[self._guard])
        base = f"/2010-04-01/Accounts/{self.account}/Messages"
        app.router.add_post(f"{base}.json", self._create)
        app.router.add_get(f"{base}/{{sid}}.json", self._fetch)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    def callback(self, number: int, status: str) -> tuple[str, dict[str, str], str]:
        """What Twilio posts about the message of our ``number``-th post: where, the form, and its signature.

        https://www.twilio.com/docs/usage/security: HMAC-SHA1 by the account's token over the address, followed by each
        parameter's name and value, sorted by name.
        """
        message = list(self.messages.values())[number]
        url = self.posts[number]["StatusCallback"]
        form = {
            "AccountSid": self.account,
            "ApiVersion": "2010-04-01",
            "From": message["from"] or "",
            "MessageSid": message["sid"],
            "MessageStatus": status,
            "SmsSid": message["sid"],
            "SmsStatus": status,
            "To": message["to"],
        }
        return url, form, self.signature(url, form)

    def signature(self, url: str, form: dict[str, str]) -> str:
        """The account's."""
        signed = url + "".join(name + form[name] for name in sorted(form))
        return base64.b64encode(hmac.digest(self.auth_token.encode(), signed.encode(), hashlib.sha1)).decode()

    def error(self, code: int) -> web.Response:
        """As Twilio says it."""
        status, text = ERRORS[code]
        return web.json_response(
            {
                "code": code,
                "message": text,
                "more_info": f"https://www.twilio.com/docs/errors/{code}",
                "status": status,
            },
            status=status,
        )

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        expected = base64.b64encode(f"{self.key}:{self.secret}".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {expected}":
            return self.error(20003)
        response: web.StreamResponse = await handler(request)
        return response

    async def _create(self, request: web.Request) -> web.StreamResponse:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.posts.append(form)
        self.faults += request_faults(self.account, form)
        script = self.numbers.get(form.get("To", ""))
        if script == "slow":
            await asyncio.sleep(self.slow_seconds)
        elif script == "broken":
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        elif isinstance(script, int):
            return self.error(_STATUS_CODES.get(script, script))
        refusal = self._refusal(form)
        if refusal is not None:
            return self.error(refusal)
        message = self._message(form, failed=script == "failed")
        self.faults += answer_faults(message)
        self.messages[message["sid"]] = message
        return web.json_response(message, status=201)

    @staticmethod
    def _refusal(form: dict[str, str]) -> int | None:
        if not form.get("To"):
            return 21604
        if not re.fullmatch(r"\+[1-9]\d{7,14}", form["To"]):
            return 21211
        if not form.get("Body"):
            return 21602
        if not (form.get("From") or form.get("MessagingServiceSid")):
            return 21603
        return None

    def _message(self, form: dict[str, str], *, failed: bool) -> dict[str, Any]:
        sid = "SM" + secrets.token_hex(16)
        now = format_datetime(datetime.now(UTC))
        uri = f"/2010-04-01/Accounts/{self.account}/Messages/{sid}.json"
        return {
            "account_sid": self.account,
            "api_version": "2010-04-01",
            "body": form["Body"],
            "date_created": now,
            "date_sent": None,
            "date_updated": now,
            "direction": "outbound-api",
            "error_code": 30003 if failed else None,
            "error_message": "Unreachable destination handset" if failed else None,
            "from": form.get("From"),
            "messaging_service_sid": form.get("MessagingServiceSid"),
            "num_media": "0",
            "num_segments": "1",
            "price": None,
            "price_unit": "USD",
            "sid": sid,
            "status": "failed" if failed else "queued",
            "subresource_uris": {"media": uri.replace(".json", "/Media.json")},
            "to": form["To"],
            "uri": uri,
        }

    async def _fetch(self, request: web.Request) -> web.StreamResponse:
        message = self.messages.get(request.match_info["sid"])
        return web.json_response(message) if message else self.error(20404)
