"""The ceremony of the house's keys as operators type it: two of them, with key files of their own, and what it says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.softhsm import new_token


@dataclass(frozen=True)
class House:
    """A machine with a database, the SAM's token, and two operators; their keys lie elsewhere."""

    var: Path
    away: Path

    def linkid(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        known = {name: value for name, value in os.environ.items() if name != "SOFTHSM2_CONF"}
        return subprocess.run(
            [sys.executable, "-m", "linkid", *words],
            env={**known, "LINKID_VAR": str(self.var), **environment}, capture_output=True, text=True,
        )  # fmt: skip

    def good(self, *words: str, **environment: str) -> str:
        done = self.linkid(*words, **environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def status(self) -> Any:
        return json.loads(self.good("hsm", "status", "sam", "--json"))["slots"]["sam"]

    def order(self, name: str, act: str, version: int = 0, *, serial: str = "", both: bool = True) -> Path:
        """As Ana makes it and Bia countersigns it."""
        file = self.away / f"{name}.order"
        serial = serial or str(self.status()["serial"])
        about = ("--serial", serial, "--key", str(self.away / "ana.key"))
        self.good("operator", "order", act, *about, "--version", str(version), "--file", str(file))
        if both:
            key = ("--key", str(self.away / "bia.key"))
            self.good("operator", "countersign", str(file), "--act", act, "--serial", serial, *key)
        return file


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    """Made once: database, token, first keys, pins."""
    with tempfile.TemporaryDirectory(prefix="linkid-house-") as folder:
        made = House(Path(folder) / "v", Path(folder) / "away")
        made.away.mkdir()
        made.good("migrate")
        first = made.good("hsm", "init", "sam")
        assert "no operators signed for the first keys: that is for development only" in first
        (root,) = json.loads((made.var / "pki" / "roots" / "sam.json").read_text())
        (made.var / "trust.json").write_text(json.dumps({"v": 1, "sam": [root], "ac": [root]}))
        for name in ("Ana", "Bia"):
            made.good("operator", "init", "--name", name, "--key", str(made.away / f"{name.lower()}.key"))
        yield made


def test_first_keys_are_made_once(house: House) -> None:
    """Again: nothing is made, and nothing said about operators; every key is there, strong, and in the statement."""
    again = house.good("hsm", "init", "sam")
    assert "no operators" not in again
    status = house.status()
    assert status["good"] is status["house"] is True
    assert {"kek.1", "pepper.1", "rowmac.1", "root.1", "transport.1"} <= {key["label"] for key in status["keys"]}
    assert all(key["weakness"] is None and key["made"] > 0 and key["ordered"] for key in status["keys"])
    words = house.good("hsm", "status", "sam")
    assert f"serial number {status['serial']} (softhsm)" in words
    assert "0 living credentials" in words


def test_a_rotation_by_two(house: House) -> None:
    """Without an order it says how to get one; with one signature, and with the same operator's twice, it is refused;
    with both it is done, once, and the audit names both."""
    bare = house.linkid("hsm", "rotate-pepper")
    assert bare.returncode == 1
    assert f"linkid operator order rotate-pepper --slot sam --serial {house.status()['serial']}" in bare.stderr
    file = house.order("pepper-2", "rotate-pepper", 2, both=False)
    alone = house.linkid("hsm", "rotate-pepper", "--order", str(file))
    assert (alone.returncode, alone.stdout) == (1, "")
    assert "has two signatures, a line each" in alone.stderr
    said = ("--act", "rotate-pepper", "--serial", str(house.status()["serial"]))
    ana, bia = (("--key", str(house.away / f"{name}.key")) for name in ("ana", "bia"))
    twice = house.linkid("operator", "countersign", str(file), *said, *ana)
    assert (twice.returncode, "it takes two people" in twice.stderr) == (1, True)
    other = house.linkid("operator", "countersign", str(file), "--act", "retire-kek", *said[2:], *bia)
    assert (other.returncode, "not signed: the order says rotate-pepper" in other.stderr) == (1, True)
    assert "1 of 2 signatures" in house.good("operator", "show", str(file))
    house.good("operator", "countersign", str(file), *said, *bia)
    assert house.good("hsm", "rotate-pepper", "--order", str(file)).startswith("pepper.2 is made")
    replayed = house.linkid("hsm", "rotate-pepper", "--order", str(file))
    assert (replayed.returncode, "the next is pepper.3" in replayed.stderr) == (1, True)
    told = house.good("operator", "show", str(file))
    audited = house.good("audit", "show", next(word for word in told.split() if word.startswith("ord_")).strip(","))
    assert [line.split("  ")[2] for line in audited.splitlines()] == ["house.ordered", "house.done"]
    assert "first=" in audited
    assert "second=" in audited
    assert "pepper.2" in {key["label"] for key in house.status()["keys"]}
    house.good("audit", "verify")


def test_counting_and_retiring(house: House) -> None:
    """How many need which, for people and programs; an old version that is too young to go, or still the newest."""
    assert "there are no credentials yet" in house.good("hsm", "rotate-kek", "status")
    assert json.loads(house.good("hsm", "rotate-kek", "status", "--json")) == {"v": 1, "key": "kek", "versions": []}
    newest = house.linkid("hsm", "retire", "kek", "1", "--order", str(house.order("kek-1", "retire-kek", 1)))
    assert (newest.returncode, "not an older version" in newest.stderr) == (1, True)
    file = house.order("kek-2", "rotate-kek", 2)
    house.good("hsm", "rotate-kek", "--order", str(file))
    young = house.linkid("hsm", "retire", "kek", "1", "--order", str(house.order("kek-1b", "retire-kek", 1)))
    assert (young.returncode, "younger than an hour" in young.stderr) == (1, True)
    assert "kek.1" in {key["label"] for key in house.status()["keys"]}


def test_an_order_never_overwrites_another(house: House) -> None:
    """And is about something that there is."""
    file = house.order("once", "rotate-kek", 9, both=False)
    about = ("--serial", "abc", "--key", str(house.away / "ana.key"), "--file")
    again = house.linkid("operator", "order", "rotate-kek", *about, str(file), "--version", "2")
    assert (again.returncode, "there already" in again.stderr) == (1, True)
    fresh = house.away / "never.order"
    for words in (("--version", "0"), ("--version", "-3")):
        done = house.linkid("operator", "order", "rotate-kek", *about, str(fresh), *words)
        assert (done.returncode, fresh.exists()) == (1, False)


def test_a_backup_is_tried(house: House, tmp_path: Path) -> None:
    """A copy of the token's folder: good; a foreign one: refused, with every key that differs; one from before the last
    rotation: by name. Nothing of it changes the original."""
    copy = tmp_path / "backup"
    shutil.copytree(house.var / "tokens" / "sam", copy)
    good = house.linkid("hsm", "backup-check", "--softhsm", str(copy))
    assert good.returncode == 0, good.stderr
    assert f"the token {house.status()['serial']} has every key of the house" in good.stdout
    before = house.status()
    version = max(int(key["label"][4:]) for key in before["keys"] if key["label"].startswith("kek.")) + 1
    file = house.order(f"kek-{version}", "rotate-kek", version)
    house.good("hsm", "rotate-kek", "--order", str(file))
    late = house.linkid("hsm", "backup-check", "--softhsm", str(copy), "--json")
    assert late.returncode == 3
    assert json.loads(late.stdout)["problems"] == [f"kek.{version} is missing"]
    foreign = new_token(tmp_path / "foreign")
    pin = ("--pin-file", str(foreign.pin_file))
    wrong = house.linkid("hsm", "backup-check", "--softhsm", str(foreign.conf.parent), *pin)
    assert wrong.returncode == 3
    assert "root.1 is missing" in wrong.stdout
    assert "never" not in wrong.stdout
    nothing = house.linkid("hsm", "backup-check")
    assert (nothing.returncode, "sam_hsm_spare" in nothing.stderr) == (1, True)
    assert house.linkid("hsm", "backup-check", "--softhsm", str(tmp_path)).returncode == 1


PRODUCTION = {
    "LINKID__ENVIRONMENT": "production",
    "LINKID__APP__URL": "https://app.example.com",
    "LINKID__GATEWAY__URL": "https://id.example.com",
}


def test_production_makes_no_keys_without_two(house: House, tmp_path_factory: pytest.TempPathFactory) -> None:
    """An empty token in production: refused with its serial number, and stays empty; by two operators' order the keys
    are made, and the audit names both."""
    with tempfile.TemporaryDirectory(prefix="linkid-prod-") as folder:
        earnest = House(Path(folder), house.away)
        password = (house.var / "secrets" / "db-sam").read_text()
        settings = {**PRODUCTION, "LINKID__DATABASE__SAM": _address(house, password)}
        (Path(folder) / "pki").mkdir()
        shutil.copy(house.var / "pki" / "operators.json", Path(folder) / "pki" / "operators.json")
        for _ in range(2):
            bare = earnest.linkid("hsm", "init", "sam", **settings)
            assert (bare.returncode, "two operators must sign" in bare.stderr) == (1, True)
        status = json.loads(earnest.good("hsm", "status", "sam", "--json", **settings))["slots"]["sam"]
        assert (status["keys"], status["serial"] in bare.stderr) == ([], True)
        alone = house.order("init-alone", "init", serial=status["serial"], both=False)
        refused = earnest.linkid("hsm", "init", "sam", "--order", str(alone), **settings)
        assert refused.returncode == 1
        file = house.order("init", "init", serial=status["serial"])
        with _database(house):
            made = earnest.good("hsm", "init", "sam", "--order", str(file), **settings)
        assert "no operators" not in made
        order = next(word for word in house.good("operator", "show", str(file)).split() if word.startswith("ord_"))
        audited = house.good("audit", "show", order.strip(","))
        assert [line.split("  ")[2] for line in audited.splitlines()] == ["house.ordered", "house.done"]


def _address(house: House, password: str) -> str:
    from linkid.places import Places
    from linkid.postgres import dsn

    return dsn(Places(house.var).postgres().socket, "linkid", "linkid_sam", password)


def _database(house: House) -> Any:
    from linkid.places import Places

    return Places(house.var).postgres().available()


def test_help_teaches(house: House) -> None:
    """Every act says what it does, what it refuses, and the exit codes are in the open."""
    told = house.good("hsm", "--help")
    assert "exit codes:" in told
    for action in ("init", "status", "rotate-kek", "rotate-pepper", "retire", "backup-check", "rotate-transport"):
        assert action in told
        assert len(house.good("hsm", action, "--help").splitlines()) > 6


def test_status_before_there_is_a_database(house: House) -> None:
    """It reads the token, says that nobody was counted, and makes nothing; of a token that is not there it says so."""
    with tempfile.TemporaryDirectory(prefix="linkid-bare-") as folder:
        bare = House(Path(folder), house.away)
        bare.good("hsm", "init", "sam")
        told = bare.linkid("hsm", "status", "--json")
        assert told.returncode == 1
        assert "credentials not counted: there is no database yet" in told.stderr
        assert "there is no token of ac yet" in told.stderr
        assert list(json.loads(told.stdout)["slots"]) == ["sam"]
        refused = bare.linkid("hsm", "rotate-kek")
        assert (refused.returncode, "Traceback" in refused.stderr) == (1, False)
        assert not (Path(folder) / "postgres").exists()
