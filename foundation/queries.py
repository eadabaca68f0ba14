"""SQL lives in ``.sql`` files: each query has a name and a sentence, and is reached as an attribute.

The file::

    -- name: take_code
    -- Consume the code if it is still good: one statement, so that two rivals cannot both win.
    UPDATE pairing.codes SET taken_at = $2 WHERE id = $1 AND taken_at IS NULL RETURNING phone_id;

The code: ``queries = Queries.load("pairing")``, then ``await connection.fetchval(queries.take_code, code_id, now)``.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources

_NAME_LINE = re.compile(r"^--\s*name:\s*(?P<name>\S+)\s*$")
_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")


class BadQueries(Exception):
    """A ``.sql`` file that breaks the rules; raised at import, so it never reaches a running system."""


@dataclass(frozen=True)
class Query:
    """One named statement, its purpose in prose, and where it stands."""

    name: str
    purpose: str
    sql: str
    source: str


class Queries:
    """The named queries of one file. ``queries.some_name`` is SQL text; iterate for the Query objects."""

    def __init__(self, source: str, queries: Mapping[str, Query]) -> None:
        """Use ``load`` or ``parse``."""
        self._source = source
        self._queries = dict(queries)

    @classmethod
    def load(cls, package: str, filename: str = "queries.sql") -> "Queries":
        """Read the file beside a package's modules. Raises BadQueries, or FileNotFoundError when there is none."""
        text = resources.files(package).joinpath(filename).read_text(encoding="utf-8")
        return cls.parse(text, source=f"{package}/{filename}")

    @classmethod
    def parse(cls, text: str, *, source: str) -> "Queries":
        """Cut a file's text into queries. Raises BadQueries naming file, line and rule."""
        found: dict[str, Query] = {}
        sections = _sections(text, source)
        for line, name, body in sections:
            where = f"{source}:{line}"
            if not _NAME.match(name):
                raise BadQueries(f"{where}: {name!r} is not a query name (snake_case)")
            if name in found or hasattr(cls, name):
                raise BadQueries(f"{where}: the name {name!r} is taken")
            found[name] = _query(name, body, where)
        return cls(source, found)

    def __getattr__(self, name: str) -> str:
        """The SQL of a query. Raises AttributeError naming the file when there is none of that name."""
        if name.startswith("_") or name not in self._queries:
            raise AttributeError(f"no query named {name!r} in {self.__dict__.get('_source', 'this file')}")
        return self._queries[name].sql

    def __iter__(self) -> Iterator[Query]:
        """Every query, in the file's order."""
        return iter(self._queries.values())

    def __contains__(self, query: object) -> bool:
        """Whether a Query is one of these; with the two neighbours it makes this a collection, fit to parametrize."""
        return query in self._queries.values()

    def __len__(self) -> int:
        """How many there are."""
        return len(self._queries)


def _sections(text: str, source: str) -> Iterator[tuple[int, str, list[str]]]:
    """(line number, name, lines) of each query; only comments may stand before the first."""
    current: tuple[int, str, list[str]] | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        match = _NAME_LINE.match(line)
        if match:
            if current is not None:
                yield current
            current = (number, match["name"], [])
        elif current is not None:
            current[2].append(line)
        elif line.strip() and not line.startswith("--"):
            raise BadQueries(f"{source}:{number}: SQL before the first '-- name:' line")
    if current is not None:
        yield current


def _query(name: str, lines: list[str], where: str) -> Query:
    """Leading comment lines are the purpose; the rest is one statement."""
    purpose: list[str] = []
    while lines and (lines[0].startswith("--") or not lines[0].strip()):
        line = lines.pop(0)
        if line.startswith("--"):
            purpose.append(line.removeprefix("--").strip())
    sql = "\n".join(lines).strip().removesuffix(";").rstrip()
    if not purpose:
        raise BadQueries(f"{where}: the query {name!r} has no sentence saying what it is for")
    if not sql:
        raise BadQueries(f"{where}: the query {name!r} has no SQL")
    return Query(name, " ".join(purpose), sql, where)
