"""The rows in the order in which they run and stand on the page."""

from __future__ import annotations

from tests.agent.daemon.survey import browsers, command_line, documents, servers, web_eid
from tests.agent.daemon.survey.rows import REGISTERED, Row

_PARTS = [part.__name__ for part in (command_line, servers, documents, browsers, web_eid)]
ROWS: dict[str, Row] = dict(sorted(REGISTERED.items(), key=lambda named: _PARTS.index(named[1].use.__module__)))
