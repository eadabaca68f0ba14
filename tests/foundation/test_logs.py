"""Logs: events with fields, and nothing secret or personal in them."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from foundation.ids import new_token
from foundation.logs import _MASKS, configure, get_logger, redact
from tests.foundation.proofs import Key


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What is written in production's style; the logging of the test run is put back afterwards."""
    root = logging.getLogger()
    handlers, level, config = root.handlers[:], root.level, structlog.get_config()
    stream = io.StringIO()
    configure("json", process="gateway", stream=stream)
    yield stream
    root.handlers[:], root.level = handlers, level
    logging.getLogger("aiohttp.access").disabled = False
    structlog.configure(**config)


def read(stream: io.StringIO) -> list[dict[str, Any]]:
    """The lines as objects."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


TOKEN = new_token("dvt")
JWE = "eyJhbGciOiJFQ0RILUVTIn0..aXY.Y2lwaGVy.dGFn"

SECRETS = {
    "token": (f"got {TOKEN.text} here", f"got {TOKEN.public_id}_*** here"),
    "token in an address": (f"/x?t={TOKEN.text}&y", f"/x?t={TOKEN.public_id}_***&y"),
    "jws": (f"proof {Key().proof('GET', 'https://a.example/', 0)}!", "proof <jose>!"),
    "jwe": (f"sent {JWE}", "sent <jose>"),
    "bearer": ("Authorization: Bearer abcdefgh12345678", "Authorization: Bearer ***"),
    "basic": ("basic dXNlcjpwYXNz", "basic ***"),
    "cpf": ("cpf 123.456.789-09.", "cpf <cpf>."),
    "cpf alone": ("for 12345678909", "for <number>"),
    "cnpj": ("12.345.678/0001-95", "<cnpj>"),
    "cnpj alone": ("12345678000195", "<number>"),
    "phone": ("to +55 11 98765-4321", "to <phone>"),
    "phone close": ("to=+5511987654321,", "to=<phone>,"),
    "phone national": ("(11) 98765-4321", "<phone>"),
    "phone alone": ("11987654321", "<number>"),
    "e-mail": ("mail maria.silva+x@mail.example.com now", "mail <e-mail> now"),
    "dsn": ("postgresql://sam:hunter2@db/linkid", "postgresql://***@db/linkid"),
}


@pytest.mark.parametrize("what", SECRETS)
def test_redact_masks(what: str) -> None:
    """What looks like a secret or like personal data is masked, the rest of the text stays."""
    text, expected = SECRETS[what]

    assert redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "cred_00041061050r3gg28a1c60t3gf approved",
        "2026-11-23T12:00:00.123456Z",
        "took 1234.5678901234 ms at seq 123456",
        "line 4096 of sha256 " + "0123456789abcdef" * 4,
        "listening on 127.0.0.1:8441",
        "RFC 9449 section 4.3",
        "a_b_c",
    ],
)
def test_redact_leaves_the_rest(text: str) -> None:
    """A log that masks everything helps nobody."""
    assert redact(text) == text


def test_events_are_json_lines(lines: io.StringIO) -> None:
    """An event, its fields, level, logger, time and process."""
    get_logger("pairing.service").info("code_sent", pairing="par_1", sends_left=2)

    (line,) = read(lines)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "code_sent",
        "pairing": "par_1",
        "sends_left": 2,
        "level": "info",
        "logger": "pairing.service",
        "process": "gateway",
    }


def test_standard_loggers_speak_the_same(lines: io.StringIO) -> None:
    """What a library logs passes the same masks."""
    logging.getLogger("asyncpg.pool").warning("cannot log in as %s at %s", "sam", "postgresql://sam:hunter2@db/linkid")

    (line,) = read(lines)
    assert line["event"] == "cannot log in as sam at postgresql://***@db/linkid"
    assert (line["level"], line["logger"], line["process"]) == ("warning", "asyncpg.pool", "gateway")


def test_a_request_is_named_in_its_lines(lines: io.StringIO) -> None:
    """What was bound to the context stands in its lines, ours and a library's; a line's own field wins."""
    with structlog.contextvars.bound_contextvars(request_id="rq_1"):
        get_logger("x").info("said")
        get_logger("x").info("said", request_id="rq_2")
        logging.getLogger("y").info("said")

    assert [line["request_id"] for line in read(lines)] == ["rq_1", "rq_2", "rq_1"]


def test_fields_are_masked_by_name_and_by_look(lines: io.StringIO) -> None:
    """Whatever depth, whatever type."""
    get_logger("x").info(
        "odd_fields",
        authorization="anything",
        nested={"cookie": "c", "list": [TOKEN.text, b"bytes", {"password": "p"}]},
        number=12345678909,
        small=42,
        thing=ValueError("mail maria@example.com"),
        none=None,
    )

    (line,) = read(lines)
    assert line["authorization"] == "***"
    assert line["nested"] == {"cookie": "***", "list": [f"{TOKEN.public_id}_***", "<5 bytes>", {"password": "***"}]}
    assert (line["number"], line["small"], line["none"]) == ("<number>", 42, None)
    assert line["thing"] == "mail <e-mail>"


def test_tracebacks_are_masked(lines: io.StringIO) -> None:
    """An exception's message may quote what was sent."""
    try:
        raise RuntimeError(f"no row for {TOKEN.text} of +5511987654321")
    except RuntimeError:
        get_logger("x").exception("failed")
        logging.getLogger("y").exception("failed too")

    for line in read(lines):
        assert "RuntimeError" in line["exception"]
        assert TOKEN.secret not in json.dumps(line)
        assert "98765" not in json.dumps(line)


class _Unspeakable:
    def __str__(self) -> str:
        raise RuntimeError("+5511987654321")


def test_what_cannot_be_written_harms_nobody(lines: io.StringIO) -> None:
    """Whoever mentions a value that breaks when it is read goes on, and a line tells of the loss."""
    get_logger("x").info("odd", thing=_Unspeakable())

    (line,) = read(lines)
    assert line == {"event": "event_not_written", "named": "odd", "cause": "RuntimeError"}


class _Gone(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError


def test_a_reader_that_went_away_harms_nobody(lines: io.StringIO) -> None:
    """The work matters more than its logs: ours and a library's."""
    configure("json", stream=_Gone())
    get_logger("x").info("said")
    logging.getLogger("y").warning("said too")

    closed = io.StringIO()
    configure("json", stream=closed)
    closed.close()
    get_logger("x").error("said")


def test_nothing_breaks_a_line(lines: io.StringIO) -> None:
    """A newline from outside stays inside its line: log injection makes no second one."""
    get_logger("x").info("odd", name='a\n{"event":"forged"}\r\n')

    assert len(read(lines)) == 1


def test_half_a_character_loses_no_line(lines: io.StringIO, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever sends one is in the log as everybody is, ours and the standard library's; nothing is told elsewhere."""
    strict = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="strict")
    configure("json", stream=strict)

    get_logger("ours").info("seen", what="não \udce9")
    logging.getLogger("theirs").info("seen %s", "b\udce9 529.982.247-25")

    strict.seek(0)
    first, second = (json.loads(line) for line in strict)
    assert (first["what"], second["event"]) == ("não \udce9", "seen b\udce9 <cpf>")
    assert capsys.readouterr() == ("", "")


def test_aiohttps_access_log_is_off(lines: io.StringIO) -> None:
    """Its lines have raw paths and queries in them."""
    logging.getLogger("aiohttp.access").info("GET /x?secret=1")

    assert lines.getvalue() == ""


def test_levels_are_respected(lines: io.StringIO) -> None:
    """Below INFO nothing is written."""
    get_logger("x").debug("quiet")
    logging.getLogger("y").debug("quiet")
    assert lines.getvalue() == ""

    configure("json", level="ERROR", stream=lines)
    get_logger("x").warning("quiet")
    logging.getLogger("y").warning("quiet")
    assert lines.getvalue() == ""
    get_logger("x").error("loud")
    logging.getLogger("y").error("loud")
    assert [line["event"] for line in read(lines)] == ["loud", "loud"]


def test_console_style_is_readable(lines: io.StringIO) -> None:
    """Development reads lines, with the same masks."""
    stream = io.StringIO()
    configure("console", process="sam-0", stream=stream)
    get_logger("x").warning("code_sent", to="+5511987654321", who="par_1")

    assert "code_sent" in stream.getvalue()
    assert "par_1" in stream.getvalue()
    assert "98765" not in stream.getvalue()


_SHORTEST = (
    "[+][0-9][0-9 ().-]{7}[0-9]",
    "[(]?[0-9]{2}[)]? ?9?[0-9]{4}-[0-9]{4}",
    "[0-9]{9,15}",
    "[0-9]{3}[.][0-9]{3}[.][0-9]{3}-[0-9]{2}",
)
_SIGNS = [*"0123456789", *" +-().:/@_,", "a", "Z", "eyJ", "bearer ", "Basic ", "__"]
_PIECES = st.one_of(
    st.sampled_from([*(text for text, _ in SECRETS.values()), *_SIGNS]),
    *(st.from_regex(shape, fullmatch=True) for shape in _SHORTEST),
)


@given(st.lists(_PIECES, max_size=24).map("".join))
def test_a_quick_look_changes_nothing(text: str) -> None:
    """Only texts that no mask would change are let through unmasked."""
    slow = text
    for pattern, mask in _MASKS:
        slow = pattern.sub(mask, slow)
    assert redact(text) == slow
