"""docker-compose.yml as processes of one machine: each service's own command, environment and volumes, as in the file.

What a container runtime does is done here by a table of substitutions (``Composed.substitutions``) and by one folder
for each service, in which exactly its volumes stand, by symbolic links:

    <folder>/volumes/<name>      the volumes
    <folder>/in/<service>/       what the service finds at /var/lib/linkid
    <folder>/secrets/            deploy/secrets, made by tools/compose_secrets.py

Not done, because it needs the runtime: networks, read-only file systems, users, capabilities, restarts.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import asyncpg
import yaml

from linkid.platform import ROOT
from linkid.postgres import EmbeddedPostgres
from linkid.processes import die_with_parent
from tests.support.house import ANA, BIA, order
from tests.support.postgres import in_own_loop

VAR: Final = "/var/lib/linkid"
Service = dict[str, Any]


def read_file() -> dict[str, Any]:
    """docker-compose.yml, with its anchors resolved."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    return loaded


def image_environment() -> dict[str, str]:
    """The ENV lines of the Dockerfile."""
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    words = [word for line in lines if line.startswith("ENV ") for word in shlex.split(line.removeprefix("ENV "))]
    return dict(word.split("=", 1) for word in words)


@dataclass
class Composed:
    """Started service by service with ``up``; ``down`` ends what runs, and says with which status."""

    folder: Path
    ports: Mapping[str, int]
    """Listeners by ``<service>:<port in the container>``, and ``postgres``."""
    urls: Mapping[str, str]
    """What stands in deploy/linkid.env instead of the example's public addresses."""
    file: dict[str, Any] = field(default_factory=read_file)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _done: set[str] = field(default_factory=set)
    _postgres: EmbeddedPostgres | None = None

    # --- the table ----------------------------------------------------------------------------------------------------

    def substitutions(self, service: str) -> dict[str, str]:
        """Everything that is not as in the file: what stands there, and what stands here instead."""
        return {
            VAR: str(self.folder / "in" / service),  # volumes are links in a folder of the service's own
            "/run/secrets": str(self.folder / "secrets"),  # where Docker mounts secrets
            "@postgres/": f"@127.0.0.1:{self.ports['postgres']}/",  # the name of the database's container
            "/usr/share/linkid/phone_app": str(ROOT / "phone_app" / "dist"),  # the image's own copy
            "0.0.0.0": "127.0.0.1",  # a container's network is its own, this machine's is not
            **self.urls,  # deploy/linkid.env says itself: change them
        }

    def additions(self, service: str) -> dict[str, str]:
        """What a container has by itself: its own ports, programs on the path; and no way out."""
        named = {"8440": "APP", "8441": "GATEWAY", "8442": "PKI", "8449": "HEALTH"}
        return {
            **{f"LINKID__{named[inside]}__PORT": str(here) for inside, here in self._ports_of(service).items()},
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "PYTHONPATH": str(ROOT),
            "HTTPS_PROXY": "http://127.0.0.1:9",  # nobody listens there: no SMS leaves for the provider
        }

    def environment(self, service: str) -> dict[str, str]:
        """As Compose puts it together: the image's, the env files', the service's; then substituted."""
        told = image_environment()
        for name in self.file["services"][service].get("env_file", []):
            lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
            told |= dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
        told |= self.file["services"][service].get("environment", {})
        return {name: self._here(service, value) for name, value in told.items()} | self.additions(service)

    def _ports_of(self, service: str) -> dict[str, int]:
        """By the port in the container."""
        named = ((name.partition(":"), port) for name, port in self.ports.items())
        return {inside: port for (of, _, inside), port in named if of == service}

    def _here(self, service: str, text: str) -> str:
        for there, here in self.substitutions(service).items():
            text = text.replace(there, here)
        return text

    # --- before anything starts ---------------------------------------------------------------------------------------

    def make_secrets(self) -> None:
        """deploy/secrets as its tool makes it, the providers' by hand; the database's name is substituted in them."""
        secrets = self.folder / "secrets"
        subprocess.run(
            [sys.executable, str(ROOT / "tools/compose_secrets.py"), str(secrets)],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        for name in ("sms", "smtp"):
            (secrets / name).write_text("a secret of the provider's")
        for file in secrets.iterdir():
            file.write_text(self._here("", file.read_text()))
            file.chmod(0o600)
            if os.geteuid() == 0:
                os.chown(file, 0, 0)  # containers run as 10001, these processes as we do

    def mount(self, service: str) -> Path:
        """The service's folder: what was put into the volume at its root, links to the others; returns it."""
        inside = self.folder / "in" / service
        inside.mkdir(parents=True)
        for entry in self.file["services"][service].get("volumes", []):
            volume, where = entry.split(":")[:2]
            source = self.folder / "volumes" / volume
            source.mkdir(parents=True, exist_ok=True, mode=0o700)
            at = inside / Path(where).relative_to(VAR)
            if at == inside:
                shutil.copytree(source, inside, dirs_exist_ok=True)
            else:
                at.parent.mkdir(parents=True, exist_ok=True)
                at.symlink_to(source)
        return inside

    def _keep_root_volume(self, service: str) -> None:
        """What an init container wrote beside its other volumes is in the one at the root."""
        for entry in self.file["services"][service].get("volumes", []):
            volume, where, *how = entry.split(":")
            if where == VAR and "ro" not in how:
                for file in (self.folder / "in" / service).iterdir():
                    if file.is_file() and not file.is_symlink():
                        shutil.copy2(file, self.folder / "volumes" / volume)

    # --- up and down --------------------------------------------------------------------------------------------------

    def up(self, service: str, seconds: float = 60.0) -> None:
        """Everything it depends on, as its conditions say, then the service; not one of a profile."""
        if service in self._done or "profiles" in self.file["services"][service]:
            return
        self._done.add(service)
        told = self.file["services"][service]
        until = time.monotonic() + seconds
        for other, wait in told.get("depends_on", {}).items():
            self.up(other, seconds)
            if wait["condition"] == "service_healthy":
                while not self.healthy(other):
                    assert time.monotonic() < until, f"{other} does not become healthy"
                    time.sleep(0.05)
        if service == "postgres":
            self._start_postgres()
            return
        if service in ("hsm-sam", "hsm-ac"):
            self.first_keys(service.removeprefix("hsm-"))
        self.mount(service)
        with self.log(service).open("ab") as words:
            process = subprocess.Popen(
                [sys.executable, "-m", "linkid", *map(str, told["command"])],  # the image's ENTRYPOINT, our Python
                env=self.environment(service),
                cwd=self.folder / "in" / service,
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=words,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGKILL),
            )
        if told["restart"] in ("on-failure", "no"):  # one that ends
            assert process.wait(seconds) == 0, self.said(service)
            self._keep_root_volume(service)
        else:
            self.running[service] = process

    def first_keys(self, process: str) -> None:
        """What two operators do before the first start (deploy/README.md): refused without them, done by order."""
        self.up("migrate")
        service = f"house-{process}"
        self.mount(service)
        bare = self.run(service, "hsm", "init", process)
        serial = re.search(r"--serial (\S+)", bare.stderr)
        assert bare.returncode == 1, bare.stderr
        assert serial is not None, bare.stderr
        pins = self.folder / "volumes" / "pki" / "operators.json"
        pins.write_text(json.dumps({"v": 1, "operators": [ANA.pin, BIA.pin]}))
        file = self.folder / f"{process}.order"
        file.write_text(order("init", serial[1], datetime.now(UTC), slot=process))
        done = self.run(service, "hsm", "init", process, "--order", str(file))
        assert done.returncode == 0, done.stderr
        self._keep_root_volume(service)

    def run(self, service: str, *words: str) -> subprocess.CompletedProcess[str]:
        """``docker compose run --rm``: the service's environment and volumes, another command."""
        argv = [sys.executable, "-m", "linkid", *words]
        inside = self.folder / "in" / service
        return subprocess.run(argv, env=self.environment(service), cwd=inside, capture_output=True, text=True)

    def healthy(self, service: str) -> bool:
        """What its own health check says."""
        if service == "postgres":
            return self._postgres is not None and self._postgres.ready()  # pg_isready is not in the PyPI package
        word, *command = self.file["services"][service]["healthcheck"]["test"]
        assert word == "CMD"
        for inside, here in self._ports_of(service).items():
            command = [part.replace(f":{inside}/", f":{here}/") for part in command]
        command[0] = sys.executable if command[0] == "python" else command[0]
        quiet = subprocess.DEVNULL
        return subprocess.run(command, env=self.additions(service), stdout=quiet, stderr=quiet).returncode == 0

    def _start_postgres(self) -> None:
        """The image's work: a cluster whose superuser has that password, a database of that name."""
        told = {name: self._here("postgres", value) for name, value in
                self.file["services"]["postgres"]["environment"].items()}  # fmt: skip
        server = EmbeddedPostgres(
            self.folder / "postgres",
            self.folder / "pg",
            Path(told["POSTGRES_PASSWORD_FILE"]),
            {"listen_addresses": "127.0.0.1", "port": str(self.ports["postgres"]), "fsync": "off"},
        )
        assert told["POSTGRES_INITDB_ARGS"] == "--auth-host=scram-sha-256 --auth-local=scram-sha-256"  # as it is made
        server.start()
        self._postgres = server
        address = self.secret("db-superuser").rsplit("/", 1)[0] + "/postgres"
        in_own_loop(_execute(address, f"CREATE DATABASE {told['POSTGRES_DB']}"))

    def down(self, seconds: float = 20.0) -> dict[str, int]:
        """SIGTERM to all at once, as ``docker compose stop`` does; the statuses. What does not end is killed."""
        for process in self.running.values():
            process.send_signal(signal.SIGTERM)
        until = time.monotonic() + seconds
        statuses = {}
        for name, process in self.running.items():
            try:
                statuses[name] = process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                statuses[name] = process.wait()
        self.running.clear()
        return statuses

    def close(self) -> None:
        """Nothing is left running."""
        self.down()
        if self._postgres is not None:
            self._postgres.stop()

    # --- looking at it ------------------------------------------------------------------------------------------------

    def log(self, service: str) -> Path:
        """What it says."""
        return self.folder / f"{service}.log"

    def said(self, service: str) -> str:
        """The end of it."""
        return self.log(service).read_text(errors="replace")[-3000:]

    def secret(self, name: str) -> str:
        """A file of deploy/secrets."""
        return (self.folder / "secrets" / name).read_text()

    def in_volumes(self, *names: str) -> dict[str, bytes]:
        """Every file of these volumes."""
        files = [file for name in names for file in (self.folder / "volumes" / name).rglob("*") if file.is_file()]
        return {str(file.relative_to(self.folder)): file.read_bytes() for file in files}


async def _execute(address: str, statement: str) -> None:
    connection = await asyncpg.connect(address)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
