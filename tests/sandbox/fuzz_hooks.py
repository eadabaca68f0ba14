"""What schemathesis is told of our API: tokens, and data that leads somewhere. Loaded by `st` (SCHEMATHESIS_HOOKS).

Random certificates, hashes and secrets would all be refused at the first rule. So half of the calls that are meant to
be valid name a test holder's certificate and the same hash, some ask for a session; what is meant to be invalid is sent
as it was made. Where calls follow each other by links, nine of ten are led, and to where the answer has a link: how is
in `fuzz_leads.py`. Which links were followed is counted from schemathesis's own record and written to FUZZ_LINKS.
"""

# mypy: disable-error-code="attr-defined, no-untyped-call, untyped-decorator"

import json
import os
import re
from pathlib import Path
from typing import Any

import requests
import schemathesis
from schemathesis import cli
from schemathesis.engine import events

from tests.sandbox.fuzz_leads import lead, lead_linked, learn
from tests.sandbox.fuzz_told import TOKEN

_BEHIND_A_TOKEN = re.compile("^/csc/v[12]/(credentials|signatures|linkid|auth/revoke)")
_BEHIND_A_HOLDERS = re.compile(
    "^(POST /v0/oauth/signature|GET /v0/oauth/(certificate-discovery|authorize-ca)|GET /psc/birdid/async-signature)$"
)
_tried: set[str] = set()


@schemathesis.auth().apply_to(path_regex=_BEHIND_A_TOKEN.pattern)
class Token:
    """The sandbox's application."""

    def get(self, case: Any, context: Any) -> str:
        return TOKEN

    def set(self, case: Any, data: str, context: Any) -> None:
        linked = str((case.headers or {}).get("Authorization", ""))
        if not linked.startswith("Bearer at_"):  # one that came by a link is used
            case.headers = {**(case.headers or {}), "Authorization": f"Bearer {data}"}


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Leads what is meant to be valid to where signatures are made."""
    if case.operation.path == "/csc/v1/credentials/authorize":
        case.headers = {**(case.headers or {}), "Prefer": "wait=0"}  # it would wait for the phone
    if case.meta is None or case.meta.generation.mode.value != "positive":
        return
    if isinstance(case.body, dict):
        case.body = dict(case.body)  # what it was made from may serve again
    if case.meta.phase.name.value == "stateful":
        lead_linked(case)
    elif isinstance(case.body, dict):
        lead(case)


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """Remembers handles whose requests the holder decides still."""
    learn(case, response)


@cli.handler()
class Links(cli.EventHandler[Any]):
    """Which links were followed, and what the calls at their ends answered: a line of JSON each."""

    def __init__(self, *args: Any, **params: Any) -> None:
        self._file = Path(os.environ["FUZZ_LINKS"])

    def handle_event(self, ctx: Any, event: Any) -> None:
        if not isinstance(event, events.ScenarioFinished):
            return
        with self._file.open("a", encoding="utf-8") as file:
            for id, node in event.recorder.cases.items():
                made = event.recorder.interactions.get(id)
                if node.transition is not None and node.is_transition_applied and made is not None and made.response:
                    line = [node.transition.id, made.response.status_code, made.response.text[:300]]
                    file.write(json.dumps(line) + "\n")


@schemathesis.check
def refuses_strangers(context: Any, response: Any, case: Any) -> None:
    """Whatever was answered to somebody with a token is refused to one without it."""
    label, path = case.operation.label, case.operation.path
    behind = _BEHIND_A_TOKEN.match(path) or _BEHIND_A_HOLDERS.match(label)
    if not behind or response.status_code >= 300 or label in _tried:
        return
    _tried.add(label)
    given = str(response.request.headers.get("Authorization", ""))
    asked = requests.Request(response.request.method, response.request.url, data=response.request.body)
    for authorization in (None, "Bearer at_0000000000000000000000000a", given[:-1], "rubbish"):
        asked.headers = {"Content-Type": "application/json"}
        if authorization is not None:
            asked.headers["Authorization"] = authorization
        with requests.Session() as session:
            again = session.send(asked.prepare())
        assert again.status_code in (400, 401), f"{label} answered {again.status_code} to {authorization}"
        assert "error" in again.json()


@schemathesis.serializer("application/ocsp-request", "application/timestamp-query")
def as_bytes(context: Any, value: Any) -> bytes:
    """Any bytes at all."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
