"""docker-compose.yml keeps its four promises. There is no Docker here: the file is read as Compose reads it."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from linkid.__main__ import COMMANDS, parser
from linkid.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
Service = dict[str, Any]

SAM = {"sam-0", "sam-1"}
GATEWAYS = {"gateway-0", "gateway-1"}
HOUSE = {"house-sam", "house-ac"}
OURS = {"migrate", "hsm-sam", "hsm-ac", "ac", "app-host"} | SAM | GATEWAYS | HOUSE


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, Service]:
    found: dict[str, Service] = compose["services"]
    return found


def sources(service: Service) -> set[str]:
    """Names of the volumes a service mounts."""
    return {entry.split(":")[0] for entry in service.get("volumes", [])}


def test_the_services_are_those_of_one_machine(services: dict[str, Service]) -> None:
    """The same processes, with PostgreSQL in a container, two SAMs and two gateways."""
    assert set(services) == OURS | {"postgres"}


def test_every_command_is_one_that_linkid_knows(services: dict[str, Service]) -> None:
    """Each container runs a command of the one program, with arguments it accepts."""
    for name in OURS:
        command = [str(word) for word in services[name]["command"]]
        assert command[0] in COMMANDS, name
        assert parser(command[0]).parse_args(command).command == command[0]


def test_every_container_has_the_settings_that_production_demands(services: dict[str, Service], tmp_path: Path) -> None:
    """With its env files, its environment and its secrets each process starts as in production, and none has more."""
    for name in OURS:
        service, environ = services[name], {"LINKID_SETTINGS": str(tmp_path / "linkid.toml")}
        (tmp_path / "linkid.toml").touch()
        for file in service["env_file"]:
            lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
            environ |= dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
        environ |= service.get("environment", {})
        for key, value in environ.items():
            if value.startswith("/run/secrets/"):
                secret = tmp_path / value.removeprefix("/run/secrets/")
                hexadecimal = key == "LINKID__GATEWAY__SECRET__FILE"
                secret.write_text("5e" * 32 if hexadecimal else "postgresql://someone:something@postgres/linkid")
                secret.chmod(0o600)
                environ[key] = str(secret)
        settings = load_settings(None, environ)
        settings.demand(service["command"][0])
        assert settings.environment == "production"
        assert (settings.push.missing() == []) == (name in GATEWAYS), name


def test_token_and_pin_are_mounted_in_sam_and_ac_only(services: dict[str, Service]) -> None:
    """Promise 1: the SAM's token and PIN only where the SAM is, the AC's only where the AC is."""
    holders = {volume: {name for name, service in services.items() if volume in sources(service)} for volume in _TOKENS}
    assert holders == {
        "sam-token": SAM | {"hsm-sam", "house-sam"},
        "sam-pin": SAM | {"hsm-sam", "house-sam"},
        "ac-token": {"ac", "hsm-ac", "house-ac"},
        "ac-pin": {"ac", "hsm-ac", "house-ac"},
    }
    for name in SAM | {"ac"}:
        assert any(entry.endswith("secrets:ro") for entry in services[name]["volumes"]), name


_TOKENS = ("sam-token", "sam-pin", "ac-token", "ac-pin")


def test_only_gateways_and_the_app_host_can_be_reached(compose: dict[str, Any], services: dict[str, Service]) -> None:
    """Promise 2: nobody else publishes a port, and the network behind has no way out."""
    assert {name for name, service in services.items() if "ports" in service} == GATEWAYS | {"app-host"}
    assert compose["networks"]["back"]["internal"] is True
    for name, service in services.items():
        networks = set(service.get("networks", []))
        if name in GATEWAYS:
            assert networks == {"front", "back"}
        elif name == "app-host":
            assert networks == {"front"}
        elif name in {"hsm-sam", "hsm-ac"}:
            assert service["network_mode"] == "none"
        else:
            assert networks == {"back"}, name
        assert service.get("network_mode") in (None, "none"), name
        assert "privileged" not in service


def test_each_process_has_its_own_database_password_only(compose: dict[str, Any], services: dict[str, Service]) -> None:
    """Promise 3: one role per process; the app host has none; the superuser's only where roles are made."""
    secrets = {name: set(service.get("secrets", [])) for name, service in services.items()}
    assert {name: kept for name, kept in secrets.items() if name not in {"migrate", "postgres"}} == {
        "hsm-sam": set(),
        "hsm-ac": set(),
        "house-sam": {"db-sam"},
        "house-ac": {"db-ac"},
        "sam-0": {"db-sam"},
        "sam-1": {"db-sam"},
        "ac": {"db-ac"},
        "gateway-0": {"db-gateway", "gateway", "sms", "smtp"},
        "gateway-1": {"db-gateway", "gateway", "sms", "smtp"},
        "app-host": set(),
    }
    assert {name for name, kept in secrets.items() if "db-superuser" in kept} == {"migrate"}
    for name, service in services.items():
        for key, value in service.get("environment", {}).items():
            assert "postgresql://" not in value, (name, key)
            if value.startswith("/run/secrets/"):
                assert value.removeprefix("/run/secrets/") in secrets[name], (name, key)
    assert all(entry["file"].startswith("deploy/secrets/") for entry in compose["secrets"].values())


def test_containers_are_as_small_as_they_can_be(services: dict[str, Service]) -> None:
    """Promise 4: read-only, no capabilities, no new privileges; and the image does not run as root."""
    for name in OURS:
        service = services[name]
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "cap_add" not in service
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith(("USER", "ENTRYPOINT"))] == [
        "USER linkid",
        'ENTRYPOINT ["python", "-m", "linkid"]',
    ]


def test_what_clients_trust_is_written_by_init_containers_only(services: dict[str, Service]) -> None:
    """The public root keys are read-only wherever the internet reaches, and the app host sees nothing else."""
    for name, service in services.items():
        for entry in service.get("volumes", []):
            if entry.startswith("public:"):
                assert entry.endswith(":ro") == (name not in {"hsm-sam", "hsm-ac"} | HOUSE), name
    assert sources(services["app-host"]) == {"public"}


def test_ceremonies_begin_when_somebody_asks(services: dict[str, Service]) -> None:
    """`up` starts none of them, and nobody waits for one."""
    assert {name for name, service in services.items() if service.get("profiles") == ["ceremony"]} == HOUSE
    assert all(services[name]["restart"] == "no" for name in HOUSE)
    assert not any(HOUSE & set(service.get("depends_on", {})) for service in services.values())


def test_what_others_wait_for_can_be_waited_for(services: dict[str, Service]) -> None:
    """A service waited for until it is healthy says how, one waited for until it has ended does end."""
    ending = {"migrate", "hsm-sam", "hsm-ac"}
    for name, service in services.items():
        for other, wait in service.get("depends_on", {}).items():
            condition = wait["condition"]
            assert (condition == "service_completed_successfully") == (other in ending), (name, other)
            assert condition != "service_healthy" or "healthcheck" in services[other], (name, other)
    assert {name for name in services if "healthcheck" in services[name]} == GATEWAYS | {"app-host", "postgres"}
    assert {name for name in OURS if services[name]["restart"] in ("on-failure", "no")} == ending | HOUSE
    # one that has the PIN is not run again: a token may lock itself after a few tries
    assert {name for name in OURS if services[name]["restart"] == "no"} == {"hsm-sam", "hsm-ac"} | HOUSE


def test_volumes_and_secrets_named_are_declared(compose: dict[str, Any], services: dict[str, Service]) -> None:
    """A misspelt name would make Docker refuse the file, or worse, make an empty volume."""
    for name, service in services.items():
        assert sources(service) <= set(compose["volumes"]), name
        assert set(service.get("secrets", [])) <= set(compose["secrets"]), name
        assert set(service.get("depends_on", {})) <= set(services), name


def test_secrets_are_made_once_and_private(tmp_path: Path, compose: dict[str, Any]) -> None:
    """Every secret the file names is made, readable by its owner only, and kept the second time."""
    folder = tmp_path / "secrets"
    tool = [sys.executable, str(ROOT / "tools/compose_secrets.py"), str(folder)]
    told = subprocess.run(tool, capture_output=True, text=True, check=True).stdout
    made = {file.name: file.read_text() for file in folder.iterdir()}
    named = {Path(entry["file"]).name for entry in compose["secrets"].values()}
    assert named - set(made) == {"sms", "smtp"}  # the providers', which only the operator has
    assert "sms" in told
    for file in folder.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    subprocess.run(tool, capture_output=True, check=True)
    assert {file.name: file.read_text() for file in folder.iterdir()} == made
