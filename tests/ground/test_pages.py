"""The documents agree with one another and with the code, where a machine can tell."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from foundation.errors import every_error
from hsm_service.csc.web import CscV1, CscV2, OAuthV1
from hsm_service.oauth.web.authorize import AuthorizePages
from hsm_service.oauth.web.endpoints import OAuthEndpoints
from issuance.web import EmissionRoutes, PkiRoutes
from pairing.web.links import LinkRoutes
from pairing.web.phone import PhoneRoutes
from push.web import address_routes
from push.web.inbox import inbox_routes
from push.web.live import live_routes

ROOT = Path(__file__).parents[2]
PROTOCOL = ROOT / "docs" / "protocol.md"
DECISIONS = ROOT / "docs" / "decisions"
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def tracked(*patterns: str) -> list[Path]:
    """Files of the project, in the checkout or out of it."""
    listed = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=False)
    found = [ROOT / line for line in listed.stdout.splitlines()]
    return [file for file in found if file.exists()] or [
        file for pattern in patterns for file in ROOT.glob(f"*/{pattern}")
    ]


def slug(heading: str) -> str:
    """A heading's anchor, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", heading.strip().lower())).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    """What links can point at."""
    return {slug(line.lstrip("# ")) for line in page.read_text("utf-8").splitlines() if line.startswith("#")}


@pytest.mark.parametrize("page", tracked("*.md"), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    """Files and headings that are linked exist."""
    dead = []
    for target in _LINK.findall(page.read_text("utf-8")):
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors(file)):
            dead.append(target)
    assert dead == []


def test_every_decision_is_listed_by_its_number() -> None:
    """The table has them all, in order; branches draw their numbers ahead, so there may be a gap."""
    files = sorted(file.name for file in DECISIONS.glob("[0-9]*.md"))
    listed = re.findall(r"^\| \[(\d{4})\]\((\d{4}-[\w-]+\.md)\)", (DECISIONS / "README.md").read_text("utf-8"), re.M)
    assert [name for _, name in listed] == files
    assert len({number for number, _ in listed}) == len(listed)
    for file in files:
        assert (DECISIONS / file).read_text("utf-8").startswith(f"# {file[:4]}: ")


def test_a_newcomer_finds_every_folder() -> None:
    """docs/architecture.md names each folder of the project."""
    folders = {file.relative_to(ROOT).parts[0] for file in tracked("*/*")} - {".ci"}
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    assert {folder for folder in folders if f"`{folder}/" not in page} == set()


def test_every_page_can_be_reached_from_the_readme() -> None:
    """What nobody links nobody reads."""
    reached: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        for target in _LINK.findall(page.read_text("utf-8")):
            file = (page.parent / target.partition("#")[0]).resolve()
            if file.is_dir():
                waiting += list(file.glob("*.md"))
            elif file.suffix == ".md" and file.exists():
                waiting.append(file)
    pages = {file for file in tracked("*.md") if file.is_relative_to(ROOT / "docs") or file.parent == ROOT}
    assert {page.relative_to(ROOT).as_posix() for page in pages - reached} == set()


def section(number: str) -> str:
    """One section of the protocol, with its heading."""
    (found,) = re.findall(rf"^## {number}\. .*?(?=^## |\Z)", PROTOCOL.read_text("utf-8"), re.M | re.S)
    return str(found)


@pytest.mark.parametrize(
    ("number", "source"), [("10", "hsm_service/sam/api.py"), ("11", "issuance/ac/web.py")], ids=["sam", "ac"]
)
def test_the_protocol_has_every_private_call(number: str, source: str) -> None:
    """The tables of the SAM's and the AC's calls are complete, and name nothing that is not there."""
    served = set(re.findall(r'"([a-z]+(?:/[a-z.0-9]+)?)": self\.\w+[,}]', (ROOT / source).read_text("utf-8")))
    told = re.findall(r"^\| `([a-z/.0-9]+)` \|", section(number), re.M)
    assert sorted(served) == sorted(told)
    assert {"status", "emission/keys" if number == "10" else "pki/ocsp"} <= served


_BLANK = re.compile(r"\{[^}]*\}")
_CSC_METHOD = re.compile(r"`(info|(?:auth|credentials|signatures|linkid)/[A-Za-z]+)`")


def routes_of(*owners: type | Callable[..., Any]) -> set[tuple[str, str]]:
    """Method and path of every route; what the routes do needs things that nobody asks for here."""
    found: set[tuple[str, str]] = set()
    for owner in owners:
        made = object.__new__(owner).routes() if isinstance(owner, type) else owner()
        found |= {(route.method, _BLANK.sub("{}", route.path)) for route in made}
    return found


@pytest.mark.parametrize(
    ("number", "prefix", "owners"),
    [
        ("9.1", "/emission/v1/", [EmissionRoutes]),
        (
            "9.2",
            "/phone/v1/",
            [PhoneRoutes, lambda: live_routes(Mock(), Mock()), lambda: address_routes(Mock(), Mock())],
        ),
        ("9.3", "/links/v1/", [LinkRoutes]),
        ("9.4", "/oauth2/", [OAuthEndpoints, AuthorizePages]),
        ("9.5", "/csc/v2/", [CscV2]),
        ("9.5.1", "/csc/v1/", [CscV1, OAuthV1]),
        ("9.6", "/pki/", [PkiRoutes]),
        ("9.7", "/dev/", [lambda: inbox_routes(Mock())]),
    ],
    ids=["emission", "phone", "links", "oauth", "csc", "csc1", "pki", "inbox"],
)
def test_the_protocol_has_every_public_call(number: str, prefix: str, owners: list[Any]) -> None:
    """What section 9 says may be asked is what the gateway's routes answer, and nothing else."""
    (text,) = re.findall(rf"^### {number} .*?(?=^##|\Z)", PROTOCOL.read_text("utf-8"), re.M | re.S)
    asked = re.findall(r"`(GET|POST|PUT|DELETE) ([^`\s]+)`", text)
    if number.startswith("9.5"):
        asked += [("POST", name) for name in _CSC_METHOD.findall(text)]
    told = {(method, _BLANK.sub("{}", path if path.startswith("/") else prefix + path)) for method, path in asked}
    assert told == routes_of(*owners) - {("POST", f"{prefix}{{}}")}  # that one answers "not implemented"
    assert len(told) > 1


def test_a_native_client_finds_every_call_of_a_phone() -> None:
    """docs/phone-api.md tells where each of them is used, and of none that is not there."""
    text = (ROOT / "docs" / "phone-api.md").read_text("utf-8")
    told = {
        (method, _BLANK.sub("{}", path)) for method, path in re.findall(r"`(GET|POST|PUT|DELETE) (/[^`\s]+)`", text)
    }
    assert told == routes_of(PhoneRoutes, lambda: live_routes(Mock(), Mock()), lambda: address_routes(Mock(), Mock()))


def test_the_protocol_has_every_prefix() -> None:
    """A leaked string can be recognised: every id and token made anywhere has its prefix in section 1."""
    made = {
        prefix
        for file in tracked("*.py")
        if not file.is_relative_to(ROOT / "tests")
        for prefix in re.findall(r'new_(?:id|token)\(\s*"(\w+)"', file.read_text("utf-8"))
    }
    told = set(re.findall(r"`(\w+)` ", " ".join(re.findall(r"Prefixes: (.*?\.)\n", section("1"), re.S))))
    made |= {
        prefix
        for file in tracked("*.py")
        for prefix in re.findall(r'^(?:\w+_)?PREFIX: Final = "([a-z]{2,4})"$', file.read_text("utf-8"), re.M)
    }
    assert {"pag", "cls"} <= made <= told


def test_the_protocol_names_only_errors_that_exist() -> None:
    """What section 10 says a SAM refuses with is what it can refuse with, and every refusal of its own is there."""
    import hsm_service.sam

    for room in pkgutil.walk_packages(hsm_service.sam.__path__, "hsm_service.sam."):
        importlib.import_module(room.name)
    known = {kind.code for kind in every_error()}
    (refusals,) = re.findall(r"Refusals, by code: (.*?)\.\n", section("10"), re.S)
    told = set(re.findall(r"`([a-z_]+)`", refusals))
    assert len(told) > 20
    assert told <= known
    own = {kind.code for kind in every_error() if kind.__module__ == "hsm_service.sam.errors"}
    assert own <= told


_FLOORS = {"__init__", "__main__", "adapters", "commands", "domain", "errors", "ports", "problems", "process"}
_FLOORS |= {"openapi", "service", "settings", "store", "web"}


@pytest.mark.parametrize(
    "package",
    sorted({file.parent for file in tracked("*/__init__.py") if not file.is_relative_to(ROOT / "tests")}),
    ids=lambda package: package.relative_to(ROOT).as_posix(),
)
def test_every_package_is_a_map_of_itself(package: Path) -> None:
    """Its docstring says what it is for and names every room that is no floor; so any is found in a minute."""
    text = ast.get_docstring(ast.parse((package / "__init__.py").read_text("utf-8"))) or ""
    rooms = {file.stem for file in package.glob("*.py")} | {file.parent.name for file in package.glob("*/__init__.py")}
    assert len(text) > 20
    if package.name == "commands" or len(rooms - _FLOORS) < 3:
        return
    assert {room for room in rooms - _FLOORS if not re.search(rf"\b{room}\b", text)} == set()


def test_a_map_names_nothing_that_is_gone() -> None:
    """A file named in a package's docstring is there."""
    gone = []
    for package in (file.parent for file in tracked("*/__init__.py")):
        text = ast.get_docstring(ast.parse((package / "__init__.py").read_text("utf-8"))) or ""
        for name in re.findall(r"`((?:[\w-]+/)*[\w-]+\.(?:py|sql|md))`", text):
            if not any(package.rglob(name)) and not (ROOT / name).exists():
                gone.append(f"{package.relative_to(ROOT)}: {name}")
    assert gone == []
