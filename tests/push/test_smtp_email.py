"""The SMTP adapter: TLS or nothing, one submission, and failures told apart by where they happened."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from foundation.clock import FixedClock
from push.adapters.smtp_email import SmtpEmail
from push.errors import CarrierBusy, CarrierRefused, CarrierUnsure
from push.ports import Parcel
from push.settings import SmtpSettings


def certificate_for_loopback(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "loopback.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


class FakeServer:
    """Submission over implicit TLS. `replies` replaces answers by command; `hangs_up` is a command it breaks at."""

    def __init__(self) -> None:
        self.replies: dict[str, str] = {}
        self.hangs_up = ""
        self.received: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 test\r\n")
        while line := await reader.readline():
            command = line.split()[0].decode().upper() if line.split() else ""
            if command == self.hangs_up:
                break
            if command == "DATA" and "DATA" not in self.replies:
                writer.write(b"354 go on\r\n")
                content = await reader.readuntil(b"\r\n.\r\n")
                self.received.append(content)
            answer = self.replies.get(command, "221 bye" if command == "QUIT" else "250 ok")
            writer.write(answer.encode() + b"\r\n")
            if command == "QUIT":
                break
        writer.close()


@pytest.fixture
async def mail(tmp_path: Path) -> AsyncIterator[tuple[FakeServer, SmtpEmail]]:
    file = certificate_for_loopback(tmp_path)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(file)
    fake = FakeServer()
    server = await asyncio.start_server(fake.serve, "127.0.0.1", 0, ssl=serving)
    port = server.sockets[0].getsockname()[1]
    trusting = ssl.create_default_context(cafile=str(file))
    settings = SmtpSettings(host="127.0.0.1", port=port, implicit_tls=True, sender="Link ID <nao@example.com>")
    yield fake, SmtpEmail(settings, context=trusting)
    server.close()


def parcel(clock: FixedClock, subject: str = "Novo celular") -> Parcel:
    content = {"to": "maria@example.com", "subject": subject, "text": "Olá, Maria."}
    return Parcel(content, clock.now() + timedelta(hours=1), clock.now())


async def test_an_email_arrives_whole(mail: tuple[FakeServer, SmtpEmail], clock: FixedClock) -> None:
    """Sender, recipient, subject, date and text, with diacritics."""
    server, smtp = mail
    await smtp.carry(parcel(clock))
    message = message_from_bytes(server.received[0], policy=policy.default)

    assert (message["To"], message["Subject"]) == ("maria@example.com", "Novo celular")
    assert message["From"] == "Link ID <nao@example.com>"
    assert "Olá, Maria." in message.get_content()


@pytest.mark.parametrize(
    ("command", "reply", "error"),
    [
        ("RCPT", "450 later", CarrierBusy),
        ("RCPT", "550 nobody", CarrierRefused),
        ("DATA", "451 later", CarrierBusy),
        ("DATA", "554 no", CarrierRefused),
    ],
)
async def test_refusals_are_for_later_or_for_ever(
    mail: tuple[FakeServer, SmtpEmail], clock: FixedClock, command: str, reply: str, error: type[Exception]
) -> None:
    """4xx is tried again, 5xx is not, and the address stays out of the error."""
    server, smtp = mail
    server.replies[command] = reply
    with pytest.raises(error) as caught:
        await smtp.carry(parcel(clock))

    assert "maria" not in str(caught.value)


async def test_a_break_while_sending_is_unsure(mail: tuple[FakeServer, SmtpEmail], clock: FixedClock) -> None:
    """The server may have taken it."""
    server, smtp = mail
    server.hangs_up = "DATA"
    with pytest.raises(CarrierUnsure):
        await smtp.carry(parcel(clock))


async def test_a_break_after_sending_is_nothing(mail: tuple[FakeServer, SmtpEmail], clock: FixedClock) -> None:
    """A server that hangs up instead of saying goodbye has the message all the same."""
    server, smtp = mail
    server.hangs_up = "QUIT"
    await smtp.carry(parcel(clock))

    assert len(server.received) == 1


async def test_without_trusted_tls_nothing_is_sent(mail: tuple[FakeServer, SmtpEmail], clock: FixedClock) -> None:
    """A server whose certificate nobody vouches for gets no mail."""
    server, smtp = mail
    stranger = SmtpEmail(smtp._settings, context=ssl.create_default_context())
    with pytest.raises(CarrierBusy):
        await stranger.carry(parcel(clock))

    assert server.received == []


async def test_a_header_cannot_be_injected(mail: tuple[FakeServer, SmtpEmail], clock: FixedClock) -> None:
    """A line break in a subject is refused before anything is sent."""
    server, smtp = mail
    with pytest.raises(ValueError, match=r"newline|linefeed"):
        await smtp.carry(parcel(clock, "Oi\r\nBcc: todos@example.com"))

    assert server.received == []
