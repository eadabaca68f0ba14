"""The command line: what an operator sees."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from foundation.settings import SettingsError
from linkid.__main__ import COMMANDS, main, parser
from linkid.serve import children
from linkid.settings import Settings
from linkid.supervisor import Supervisor


@pytest.fixture
def var() -> Iterator[Path]:
    """A short folder for everything that lives."""
    with tempfile.TemporaryDirectory(prefix="linkid-var-") as folder:
        yield Path(folder)


def linkid(var: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "linkid", *words],
        env={**os.environ, "LINKID_VAR": str(var), **environment},
        capture_output=True,
        text=True,
    )


def test_migrate_makes_a_database_once_and_finds_it_afterwards(var: Path) -> None:
    """From nothing to every table by one command; the second run changes nothing; no server is left running."""
    first = linkid(var, "migrate")
    assert first.returncode == 0, first.stderr
    assert "applied foundation/0001_audit" in first.stdout
    second = linkid(var, "migrate")
    assert (second.returncode, second.stdout) == (0, "the database is up to date\n")
    assert not (var / "postgres" / "postmaster.pid").exists()
    for secret in (var / "secrets").iterdir():
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600, secret


def test_hsm_init_makes_a_token_per_process(var: Path) -> None:
    """The SAM's and the AC's tokens are made apart, and making them again does nothing."""
    for process in ("sam", "ac", "sam"):
        done = linkid(var, "hsm", "init", process)
        assert done.returncode == 0, done.stderr
    assert (var / "tokens" / "sam" / "softhsm2.conf").exists()
    assert (var / "secrets" / "hsm-ac.pin").exists()


def test_a_gateway_secret_that_is_none_is_told_before_anything_starts(var: Path) -> None:
    """32 bytes in hexadecimal, or one line that says how to make them; the value is not repeated."""
    done = linkid(var, "migrate", LINKID__GATEWAY__SECRET="not-hexadecimal")
    assert (done.returncode, done.stdout) == (2, "")
    assert "openssl rand -hex 32" in done.stderr
    assert "not-hexadecimal" not in done.stderr
    assert not (var / "postgres").exists()


def test_a_port_of_another_program_is_told_before_anything_starts(var: Path) -> None:
    """Each port that cannot be had, whose it would be, and what to do: a line each, and nothing was made."""
    with socket.create_server(("127.0.0.1", 0)) as other, socket.create_server(("127.0.0.1", 0)) as one:
        taken = {"LINKID__GATEWAY__PORT": str(other.getsockname()[1]), "LINKID__PKI__PORT": str(one.getsockname()[1])}
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = str(free.getsockname()[1])
        # the app host's and the health port are the same one: that is told, too
        done = linkid(var, "serve", **taken, LINKID__APP__PORT=port, LINKID__HEALTH__PORT=port)
    assert done.returncode == 1
    told = done.stderr.splitlines()
    assert [line.split(" ")[3] for line in told] == ["(gateway)", "(pki)", "(health)"]
    assert f"LINKID__HEALTH__PORT={int(port) + 1000 if int(port) < 64_000 else int(port) - 1000}" in told[2]
    assert not (var / "postgres").exists()


def test_a_wrong_settings_file_is_told_in_a_line(var: Path) -> None:
    """The file, the key, and what was probably meant; no traceback."""
    file = var / "linkid.toml"
    file.write_text("[databse]\nsam = 'x'\n")
    done = linkid(var, "--settings", str(file), "migrate")
    assert done.returncode == 2
    assert done.stderr.startswith(f"linkid: {file}: databse: unknown key; did you mean database?")
    assert "Traceback" not in done.stderr


def test_production_refuses_to_start_on_development_parts(var: Path) -> None:
    """No address without HTTPS; and each process lists what it lacks, and asks for nothing that it does not need."""
    bare = linkid(var, "migrate", LINKID__ENVIRONMENT="production")
    assert bare.returncode == 2
    assert "production needs the public address of app" in bare.stderr
    addresses = {
        "LINKID__ENVIRONMENT": "production",
        "LINKID__APP__URL": "https://app.example.com",
        "LINKID__GATEWAY__URL": "https://id.example.com",
    }
    for command, wanted in (("migrate", ["owner"]), ("serve", ["owner", "gateway", "sam", "ac"])):
        done = linkid(var, command, **addresses)
        assert done.returncode == 2
        told = [line for line in done.stderr.splitlines() if "the address of" in line]
        assert [line.split("address of ")[1].split(",")[0] for line in told] == wanted
    assert "SMS provider" in done.stderr


def test_every_command_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    """--help of each command works, which also proves that its module can be imported."""
    for name in COMMANDS:
        with pytest.raises(SystemExit) as end:
            parser(name).parse_args([name, "--help"])
        assert end.value.code == 0
    assert "usage: linkid serve" in capsys.readouterr().out


def test_an_unknown_command_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """With the list of those that exist."""
    with pytest.raises(SystemExit) as end:
        main(["srve"])
    assert end.value.code == 2
    assert "serve" in capsys.readouterr().err


def test_the_table_of_processes_fits_together(var: Path) -> None:
    """Nobody stands on a process that is not there, with one SAM or several, embedded database or not."""
    for sams in (1, 3):
        names = [child.name for child in children(Settings(var=var, sams=sams))]
        Supervisor(children(Settings(var=var, sams=sams)), var)
        assert [name for name in names if name.startswith("sam-")] == [f"sam-{index}" for index in range(sams)]
    outside = Settings.model_validate({"var": var, "database": {"owner": "postgresql://db/linkid"}})
    assert "database" not in [child.name for child in children(outside)]


SECRETS = {
    "DATABASE__OWNER": {"migrate"}, "DATABASE__GATEWAY": {"gateway"}, "DATABASE__SAM": {"sam-0"},
    "DATABASE__AC": {"ac"}, "DATABASE__AUDITOR": set(), "DATABASE__SUPERUSER": set(), "GATEWAY__SECRET": {"gateway"},
    "PUSH__TWILIO__API_SECRET": {"gateway"}, "PUSH__TWILIO__AUTH_TOKEN": {"gateway"},
    "PUSH__FCM__SERVICE_ACCOUNT": {"gateway"}, "PUSH__SMTP__PASSWORD": {"gateway"},
    "DOCUMENTS__TIME_STAMPING__AUTHORIZATION": {"gateway"},
    "SAM_HSM__PIN": {"hsm-sam", "sam-0"}, "SAM_HSM_SPARE__PIN": {"sam-0"}, "AC_HSM__PIN": {"hsm-ac", "ac"},
}  # fmt: skip
"""Each secret of the settings, and who gets it."""


def secret_settings(model: type[BaseModel], path: str = "") -> Iterator[str]:
    """The names, as in the environment, of all settings of a secret type."""
    for name, field in model.model_fields.items():
        key = f"{path}__{name}".removeprefix("__").upper()
        kinds = (field.annotation, *get_args(field.annotation))
        inner = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        if "SecretStr" in str(field.annotation):
            yield key
        for kind in inner:
            yield from secret_settings(kind, key)


def test_the_table_of_secrets_names_them_all() -> None:
    """A new secret must say whose it is."""
    assert set(secret_settings(Settings)) == set(SECRETS)


@pytest.mark.parametrize("form", ["in place", "in a file", "in a table", "in small letters"])
def test_no_process_is_handed_anothers_secret(var: Path, form: str) -> None:
    """However a secret stands in the environment; nor anything else that is not its own."""
    environ = {"AWS_SECRET_ACCESS_KEY": "foreign", "SSH_AUTH_SOCK": "/x", "LINKID_VAR": str(var)}
    for name in SECRETS:
        table, _, last = name.rpartition("__")
        match form:
            case "in place":
                environ[f"LINKID__{name}"] = f"secret of {name}"
            case "in a file":
                environ[f"LINKID__{name}__FILE"] = f"secret of {name}"
            case "in small letters":
                environ[f"LINKID__{name.lower()}"] = f"secret of {name}"
            case _:
                known = json.loads(environ.get(f"LINKID__{table}", "{}"))
                environ[f"LINKID__{table}"] = json.dumps({**known, last.lower(): f"secret of {name}"})
    without = {name: value for name, value in environ.items() if "superuser" not in name.lower()}
    if form == "in a table":
        tables = json.loads(environ["LINKID__DATABASE"])
        without["LINKID__DATABASE"] = json.dumps({name: tables[name] for name in tables if name != "superuser"})
    handed = {child.name: child.environment for child in children(Settings(var=var), (), without)}
    for name, owners in SECRETS.items():
        has = {child for child, given in handed.items() if f"secret of {name}" in given.values()}
        assert has == owners, name
    for given in handed.values():
        assert not set(given) & {"AWS_SECRET_ACCESS_KEY", "SSH_AUTH_SOCK"}
    # Whoever makes the roles is told their passwords, all of them; the others learn nothing by that.
    with_it = {child.name: child.environment for child in children(Settings(var=var), (), environ)}
    assert {value for value in with_it["migrate"].values() if value.startswith("secret")} == {
        f"secret of {name}" for name in SECRETS if name.startswith("DATABASE")
    }
    del handed["migrate"], with_it["migrate"]
    assert with_it == handed


def test_the_variables_of_an_hsm_reach_who_loads_its_module(var: Path) -> None:
    """Named in the settings, handed to SAM and AC alone."""
    environ = {"VENDOR_CONF": "/etc/vendor.conf"}
    table = children(Settings(var=var, hsm_variables=("VENDOR_CONF", "NOT_SET")), (), environ)
    assert {child.name for child in table if "VENDOR_CONF" in child.environment} == {"hsm-sam", "hsm-ac", "sam-0", "ac"}
    assert not any("VENDOR_CONF" in child.environment for child in children(Settings(var=var), (), environ))


def test_every_process_hears_the_addresses_of_all(var: Path) -> None:
    """Roots, QR codes and certificates name them; also those that stand beside a secret."""
    environ = {"LINKID__GATEWAY__URL": "https://id.example", "LINKID__GATEWAY__SECRET": "00" * 32}
    for child in children(Settings(var=var), (), environ):
        assert child.name == "database" or child.environment["LINKID__GATEWAY__URL"] == "https://id.example"


def test_half_a_database_is_told_before_anything_starts(var: Path) -> None:
    """A role without an address would take the embedded server for its own."""
    half = Settings.model_validate({"var": var, "database": {"owner": "postgresql://db/linkid"}})
    with pytest.raises(SettingsError) as mistakes:
        half.demand("serve")
    assert len(mistakes.value.problems) == 3
    half.demand("migrate")


def test_only_sam_and_ac_are_told_where_a_token_is(var: Path) -> None:
    """The gateway and the app host learn nothing of the HSM, not even by their environment."""
    for child in children(Settings(var=var)):
        told = [value for value in child.environment.values() if "tokens" in value]
        assert bool(told) == child.name.startswith(("sam", "ac", "hsm")), child.name
