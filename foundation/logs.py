"""Logs: JSON lines in production, readable lines in development, and never a secret in either.

``log = get_logger(__name__)``, then ``log.info("sms_sent", pairing=pairing_id)``: an event name and fields, no prose
built from values. The standard library's loggers (aiohttp, asyncpg …) pass through the same chain; our own events do
not pass through the standard library, which would cost twice what the line itself does. What we do not log at all:
query strings, headers, cookies, bodies. What slips into a message nevertheless is masked by ``redact``:
the secret half of tokens, JOSE compact texts, CPF, CNPJ, telephone numbers, e-mail addresses, passwords in URLs.
"""

import json
import logging
import re
import sys
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any, Final, Literal, TextIO

import structlog
from structlog.typing import FilteringBoundLogger, Processor

get_logger: Callable[[str], FilteringBoundLogger] = structlog.get_logger

_FORBIDDEN_KEYS: Final = frozenset(
    {
        "authorization",
        "dpop",
        "cookie",
        "set-cookie",
        "set_cookie",
        "proxy-authorization",
        "query",
        "query_string",
        "body",
        "password",
        "stretched",
        "secret",
        "pin",
        "token",
        "proof",
        "assertion",
        "code",
    }
)
"""Field names whose value is replaced whatever it is. ``error_code`` and the like are other names."""

_MASKS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    # prefix_<public>_<secret>: the public half stays, it is what one searches for
    (re.compile(r"\b([a-z][a-z0-9]{1,11}_[0-9a-hjkmnp-tv-z]{26})_[A-Za-z0-9-]+"), r"\1_***"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*){2,4}"), "<jose>"),
    (re.compile(r"(?i)\b(bearer|dpop|basic) [A-Za-z0-9._~+/=-]{8,}"), r"\1 ***"),
    (re.compile(r"(?<=://)[^\s/@:]+:[^\s/@]+@"), "***@"),
    (re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "<e-mail>"),
    (re.compile(r"(?<![\w.])\d{2}\.?\d{3}\.?\d{3}/\d{4}-?\d{2}(?!\w)"), "<cnpj>"),
    (re.compile(r"(?<![\w.])\d{3}\.\d{3}\.\d{3}-\d{2}(?!\w)"), "<cpf>"),
    (re.compile(r"\+\d[\d ().-]{7,17}\d"), "<phone>"),
    (re.compile(r"(?<![\w.])\(?\d{2}\)? ?9?\d{4}-\d{4}(?!\w)"), "<phone>"),
    # digits alone: 10 to 14 of them are a CPF, a CNPJ or a telephone number until proven otherwise
    (re.compile(r"(?<![\w.:-])\d{10,14}(?![\w:-])(?!\.\d)"), "<number>"),
)


_SUSPECT: Final = re.compile(r"\d[\d ().-]{7}|_[0-9a-hjkmnp-tv-z]{26}_|eyJ|@|(?i:bearer|dpop|basic) ")
"""Something of this is in every text that a mask changes; most texts have none of it. Ten looks are most of a line's
cost."""


def redact(text: str) -> str:
    """The text with everything masked that looks like a secret or like personal data."""
    if _SUSPECT.search(text) is None:
        return text
    for pattern, mask in _MASKS:
        text = pattern.sub(mask, text)
    return text


def _redact_value(value: object) -> object:
    match value:
        case str():
            return redact(value)
        case bytes() | bytearray() | memoryview():
            return f"<{len(value)} bytes>"
        case bool() | float() | None:
            return value
        case int():
            return value if abs(value) < 1_000_000_000 else redact(str(value))
        case dict():
            return {key: _field(str(key), item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_redact_value(item) for item in value]
        case _:
            return redact(str(value))


def _field(key: str, value: object) -> object:
    return "***" if key.lower() in _FORBIDDEN_KEYS else _redact_value(value)


def redact_event(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """The structlog processor that applies ``redact`` to every field; the last before rendering."""
    return {key: value if key in ("level", "timestamp") else _field(key, value) for key, value in event.items()}


# Until a process configures its logs (and in tests), events are ordinary records of the standard library.
structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.format_exc_info,
        redact_event,
        structlog.processors.KeyValueRenderer(key_order=["event"]),
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=False,
)

_JSON: Final = json.JSONEncoder(ensure_ascii=False)
"""Made once; ``json.dumps`` makes one for each line. What ``redact_event`` leaves is JSON's own types."""


def _json_line(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    return _JSON.encode(event)


def _finish(steps: Sequence[Processor]) -> Processor:
    """One after the other. A value that cannot be written harms nobody who only wanted to mention it."""

    def finish(logger: Any, method: str, event: Any) -> Any:
        begun = event
        try:
            for step in steps:
                event = step(logger, method, event)
            return event
        except Exception as error:
            lost = {"event": "event_not_written", "named": begun["event"], "cause": type(error).__name__}
            return steps[-1](logger, method, dict(redact_event(logger, method, lost)))

    return finish


class _Lines(logging.StreamHandler[TextIO]):
    """Whole lines to a stream: of the standard library's loggers by its handler, of ours by ``write``."""

    def emit(self, record: logging.LogRecord) -> None:
        """As ours: what cannot be written is not told on standard error, where its arguments would stand unmasked."""
        try:
            line = self.format(record)
        except Exception:
            self.handleError(record)
        else:
            self.write(line)

    def write(self, line: str) -> None:
        """Under the one lock. Whoever reads our words may have gone, or have no room; the work matters more. Half a
        character, which a caller's header may have in it, is written as an escape: nobody makes a line of his vanish.
        """
        self.acquire()
        try:
            try:
                self.stream.write(line + self.terminator)
            except UnicodeError:
                self.stream.write(line.encode("utf-8", "backslashreplace").decode("utf-8") + self.terminator)
            self.stream.flush()
        except (OSError, ValueError):
            pass
        finally:
            self.release()


class _Logger:
    """What structlog hands finished lines to. ``name``: of the module that speaks."""

    __slots__ = ("critical", "debug", "error", "info", "name", "warning")

    def __init__(self, name: str, write: Callable[[str], None]) -> None:
        self.name = name
        self.debug = self.info = self.warning = self.error = self.critical = write


def configure(
    style: Literal["json", "console"],
    *,
    level: str = "INFO",
    process: str = "",
    stream: TextIO | None = None,
    for_good: bool = False,
) -> None:
    """Send every log of this process to ``stream`` (standard error), in one style. Call once, at the start.

    ``process`` ("gateway", "sam-0") stands in every line. ``for_good``: it is not called again, so loggers need not
    look up what was configured for every line, nor who calls, which no line of ours says.
    """

    def name_process(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
        if process:
            event["process"] = process
        return event

    described: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        name_process,
    ]
    finished: list[Processor] = [
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        redact_event,
        _json_line if style == "json" else structlog.dev.ConsoleRenderer(colors=(stream or sys.stderr).isatty()),
    ]
    lines = _Lines(stream or sys.stderr)
    lines.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*described, structlog.stdlib.ExtraAdder()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *finished],
        )
    )
    structlog.configure(
        processors=[*described, _finish(finished)],
        logger_factory=lambda name="": _Logger(name, lines.write),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=for_good,
    )
    if for_good:
        logging._srcfile = None  # as the standard library's HOWTO says
    root = logging.getLogger()
    root.handlers[:] = [lines]
    root.setLevel(level)
    # Its lines have the raw path and query in them; foundation.web writes our own instead.
    logging.getLogger("aiohttp.access").disabled = True
