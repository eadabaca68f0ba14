"""E-mail by SMTP submission (RFC 6409), always over TLS, with the standard library in a thread.

Sending is rare here (notices, not campaigns), so a connection per message is fine, and so is a thread.
"""

import asyncio
import contextlib
import smtplib
import ssl
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final

from push.errors import CarrierBusy, CarrierRefused, CarrierUnsure
from push.ports import Parcel
from push.settings import SmtpSettings

DEADLINE: Final = 15.0
"""Seconds for each answer of the server; below the outbox's own 20 s for a server that answers at all."""


class SmtpEmail:
    """See ports.Carrier."""

    def __init__(self, settings: SmtpSettings, *, context: ssl.SSLContext | None = None) -> None:
        """``context``: authorities to trust, when not the system's."""
        self._settings = settings
        self._context = context or ssl.create_default_context()

    async def carry(self, parcel: Parcel) -> None:
        """One message."""
        message = EmailMessage()
        message["From"] = self._settings.sender
        message["To"] = str(parcel.content["to"])
        message["Subject"] = str(parcel.content["subject"])
        message["Date"] = format_datetime(parcel.created_at)
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday answers, please
        message.set_content(str(parcel.content["text"]))
        await asyncio.to_thread(self._submit, message)

    def _submit(self, message: EmailMessage) -> None:
        stage = "connecting"
        try:
            with contextlib.closing(self._connect()) as server:
                self._open(server)
                stage = "sending"
                server.send_message(message)
                stage = "sent"
                server.quit()
        except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused) as cause:
            if stage != "sent":
                raise _refusal(cause) from None  # its text repeats the address
        except (OSError, smtplib.SMTPException) as cause:
            if stage != "sent":
                kind = CarrierUnsure if stage == "sending" else CarrierBusy
                raise kind(f"broke while {stage}: {type(cause).__name__}") from None

    def _connect(self) -> smtplib.SMTP:
        chosen = self._settings
        if chosen.implicit_tls:
            return smtplib.SMTP_SSL(chosen.host, chosen.port, timeout=DEADLINE, context=self._context)
        return smtplib.SMTP(chosen.host, chosen.port, timeout=DEADLINE)

    def _open(self, server: smtplib.SMTP) -> None:
        """TLS where it is not there yet, and who we are. Raises what smtplib raises; never goes on without TLS."""
        chosen = self._settings
        if not chosen.implicit_tls:
            server.starttls(context=self._context)
        if chosen.user is not None and chosen.password is not None:
            server.login(chosen.user, chosen.password.get_secret_value())


def _refusal(error: smtplib.SMTPResponseException | smtplib.SMTPRecipientsRefused) -> CarrierBusy | CarrierRefused:
    """4xx is for later, 5xx for ever (RFC 5321 section 4.2.1)."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in error.recipients.values()]
        code = max(codes) if codes else 550
    else:
        code = error.smtp_code
    return CarrierBusy(f"SMTP {code}") if 400 <= code < 500 else CarrierRefused(f"SMTP {code}")
