"""SQL by name."""

import pytest

from foundation.queries import BadQueries, Queries

GOOD = """\
-- What this file is about.

-- name: take_code
-- Consume the code.
-- Two rivals cannot both win.
UPDATE codes SET taken = true
WHERE id = $1; -- inside, comments stay

-- name: other

-- After a blank line.
SELECT 1;
"""


def test_queries_are_attributes() -> None:
    """A name gives the SQL, without the last semicolon; iterating gives purpose and place as well."""
    queries = Queries.parse(GOOD, source="x.sql")

    assert queries.take_code == "UPDATE codes SET taken = true\nWHERE id = $1; -- inside, comments stay"
    assert queries.other == "SELECT 1"
    assert [query.name for query in queries] == ["take_code", "other"]
    assert next(iter(queries)).purpose == "Consume the code. Two rivals cannot both win."
    assert next(iter(queries)).source == "x.sql:3"
    assert len(queries) == 2
    assert all(query in queries for query in queries)
    assert "take_code" not in queries


def test_unknown_name_names_the_file() -> None:
    """A misspelt query fails where it is used, saying where to look."""
    with pytest.raises(AttributeError, match=r"no query named 'tale_code' in x\.sql"):
        _ = Queries.parse(GOOD, source="x.sql").tale_code


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("-- name: a\n-- Why.\nSELECT 1;\n-- name: a\n-- Why.\nSELECT 2", r"x:4: the name 'a' is taken"),
        ("-- name: load\n-- Why.\nSELECT 1", r"x:1: the name 'load' is taken"),
        ("-- name: Take\n-- Why.\nSELECT 1", r"x:1: 'Take' is not a query name"),
        ("-- name: a\nSELECT 1", r"x:1: the query 'a' has no sentence"),
        ("-- name: a\n-- Why.\n", r"x:1: the query 'a' has no SQL"),
        ("SELECT 1", r"x:1: SQL before the first"),
    ],
)
def test_files_that_break_the_rules(text: str, message: str) -> None:
    """Refused at import, naming file, line and rule."""
    with pytest.raises(BadQueries, match=message):
        Queries.parse(text, source="x")


def test_load_reads_the_file_beside_the_package() -> None:
    """The foundation's own file loads, and every query has its sentence."""
    queries = Queries.load("foundation")

    assert "audit.lock_head" in queries.lock_head
    assert all(query.purpose.endswith(".") for query in queries)
