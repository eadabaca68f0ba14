"""How messages leave: nothing given means the development inbox, which production does not accept."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, model_validator

from foundation.settings import Secret, Section

Port = Annotated[int, Field(ge=1, le=65535)]


class TwilioSettings(Section):
    """An account at Twilio. Whoever reads ``api_secret`` can send messages at our cost, and read none."""

    account: Annotated[str, Field(pattern=r"^AC[0-9a-fA-F]{32}$")]
    """The account's SID; no secret."""
    api_key: Annotated[str, Field(pattern=r"^SK[0-9a-fA-F]{32}$")]
    """An API key of its own, revocable, rather than the account's token."""
    api_secret: Secret
    """Whoever has it can send messages at our cost, and read none."""
    sender: Annotated[str, Field(pattern=r"^(\+[1-9][0-9]{7,14}|[0-9]{5,6})$")] | None = None
    """A number (E.164) or short code; or:"""
    messaging_service: Annotated[str, Field(pattern=r"^MG[0-9a-fA-F]{32}$")] | None = None
    """a messaging service, which chooses the sender."""

    auth_token: Secret | None = None
    """The account's own token, by which Twilio signs what it tells later of a message (delivered, or not). Not given:
    they are not asked to tell. Whoever has it has the account: give it only if the numbers are worth it."""

    @model_validator(mode="after")
    def _one_sender(self) -> "TwilioSettings":
        if (self.sender is None) == (self.messaging_service is None):
            raise ValueError("give either sender or messaging_service")
        return self

    @property
    def sender_parameter(self) -> Mapping[str, str]:
        """The sender, as a parameter of the library's."""
        if self.sender is not None:
            return {"from_": self.sender}
        assert self.messaging_service is not None, "the validator's promise"
        return {"messaging_service_sid": self.messaging_service}


class SmtpSettings(Section):
    """A server that takes our e-mail."""

    host: Annotated[str, Field(min_length=1)]
    """Its name, which its certificate must carry. Whoever can write it reads our letters: names, and what happened near
    a certificate; never a code or a password."""
    port: Port = 587
    """Which port takes mail from programs."""
    implicit_tls: bool = False
    """TLS from the first byte (port 465) instead of STARTTLS (587). Without TLS nothing is sent."""
    user: str | None = None
    """Not given: the server takes our mail without."""
    password: Secret | None = None
    """Whoever has it can send e-mail in our name."""
    sender: Annotated[str, Field(pattern=r"^[^\r\n]*@[^\r\n]+$")]
    """From whom, as in ``Link ID <nao-responda@example.com>``."""


class WebPushSettings(Section):
    """Notices of browsers, which is to say phones with the web app. Our key (VAPID) is cut from the gateway's secret;
    after a new secret each phone registers anew when its app is next opened."""

    contact: Annotated[str, Field(pattern=r"^[^@\s:]+@[^@\s:]+\.[^@\s:]+$", max_length=200)]
    """An e-mail address at which push services may complain; they demand one."""
    hosts: Annotated[
        tuple[Annotated[str, Field(pattern=r"^(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)+$")], ...], Field(min_length=1)
    ] = (
        "fcm.googleapis.com",
        "updates.push.services.mozilla.com",
        "*.push.apple.com",
        "*.notify.windows.com",
    )
    """Push services that we speak to. Phones name theirs: whoever can write this can make us send requests to a host of
    their choice, by HTTPS, with nothing in them but an opaque id."""


class FcmSettings(Section):
    """Notices of native apps, by Firebase Cloud Messaging (Google's, and through it Apple's)."""

    service_account: Secret
    """The JSON that Google gave, as `{ file = "…" }`, of an account that may send messages and nothing else.
    Whoever has it can show notices on phones, with words of their choice; approve nothing, and read nothing."""


class PushSettings(Section):
    """Everything that leaves."""

    twilio: TwilioSettings | None = None
    smtp: SmtpSettings | None = None
    webpush: WebPushSettings | None = None
    fcm: FcmSettings | None = None
    sms_for_requests: bool = False
    """Also tell of a waiting request by SMS, half a minute later, when nothing else reached the phone. It costs money,
    and people learn to act on SMS that anybody can send; the app shows what waits whenever it is opened."""

    def missing(self) -> list[str]:
        """What production still needs, one line each that names the keys; empty when it may start."""
        problems = []
        if self.twilio is None:
            problems.append("no SMS provider: give account, api_key, api_secret and sender under [push.twilio]")
        if self.smtp is None:
            problems.append("no e-mail server: give host, user, password and sender under [push.smtp]")
        return problems
