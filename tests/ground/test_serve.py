"""`linkid serve`: all the real processes of one machine, as `make run` starts them."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from linkid.processes import is_running
from linkid.settings import Settings
from softhsm_config.tokens import LABELS

pytestmark = pytest.mark.slow
EVERYBODYS = {"PATH", "HOME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "XDG_RUNTIME_DIR", "PYTHONPATH", "PYTHONUNBUFFERED",
              "SOFTHSM2_CONF", "SSL_CERT_FILE", "SSL_CERT_DIR"}  # fmt: skip
CHILDREN = ("database", "sam-0", "ac", "gateway", "app-host")


class Machine:
    """A folder for everything that lives, and four ports."""

    def __init__(self, var: Path) -> None:
        self.var = var
        with _free_ports(4) as ports:
            self.app, self.gateway, self.pki, self.health = ports
        self.environment = {
            **os.environ,
            "LINKID_VAR": str(var),
            "LINKID__APP__PORT": str(self.app),
            "LINKID__GATEWAY__PORT": str(self.gateway),
            "LINKID__PKI__PORT": str(self.pki),
            "LINKID__HEALTH__PORT": str(self.health),
        }

    @contextmanager
    def serving(self, more: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
        """`linkid serve` until the end of the block, which Ctrl-C ends."""
        words = (self.var / "words").open("w")
        process = subprocess.Popen(
            [sys.executable, "-m", "linkid", "serve"], env={**self.environment, **(more or {})}, stdout=words,
            stderr=words, text=True,
        )  # fmt: skip
        try:
            wait_for(lambda: "Link ID is ready" in self.words() or process.poll() is not None, 120)
            assert process.poll() is None, self.words()
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)
            words.close()

    def words(self) -> str:
        """What it said since it was started last."""
        return (self.var / "words").read_text(errors="replace")

    def pid(self, child: str) -> int:
        """The process of a child now, 0 while there is none."""
        try:
            return int((self.var / "run" / f"{child}.pid").read_text() or 0)
        except FileNotFoundError:
            return 0

    def ready(self) -> bool:
        """Whether the gateway says that everything it needs answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.health}/health/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def metrics(self) -> str:
        """What Prometheus gets."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.health}/metrics", timeout=10) as answer:
            return str(answer.read().decode())

    def linkid(self, *words: str) -> subprocess.CompletedProcess[str]:
        """An operator's command."""
        argv = [sys.executable, "-m", "linkid", *words]
        return subprocess.run(argv, env=self.environment, capture_output=True, text=True)

    def page(self, path: str) -> str:
        """A page of the app host."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.app}{path}", timeout=10) as answer:
            return str(answer.read().decode())


@contextmanager
def _free_ports(count: int) -> Iterator[list[int]]:
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        yield [one.getsockname()[1] for one in taken]
    finally:
        for one in taken:
            one.close()


def wait_for(condition: Callable[[], bool], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "this did not happen in time"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    with tempfile.TemporaryDirectory(prefix="linkid-serve-") as folder:
        yield Machine(Path(folder))


def test_from_nothing_to_working_pages(machine: Machine) -> None:
    """Database, tokens, keys and certificates are made; the phone app, the emission page, health and metrics answer."""
    with machine.serving():
        assert machine.ready()
        assert "<html" in machine.page("/")
        assert "<html" in machine.page("/emissao/")
        assert '"sam"' in machine.page("/trust.json")
        for number in ("linkid_http_requests_total", "linkid_push_streams 0.0"):
            assert number in machine.metrics()


def test_what_lives_survives_a_restart(machine: Machine) -> None:
    """The second start makes nothing anew: the roots that phones trust are the same, and it is quicker."""
    before = (machine.var / "trust.json").read_bytes()
    with machine.serving():
        assert machine.ready()
    assert (machine.var / "trust.json").read_bytes() == before


def test_no_process_has_anothers_secret_in_its_environment(machine: Machine) -> None:
    """As the kernel shows it: each has its own settings and what every program needs, and nothing else."""
    tokens, pins = machine.var / "tokens", machine.var / "secrets"
    module = str(Settings(var=machine.var).hsm("sam").module)
    secrets = {
        "LINKID__GATEWAY__SECRET": "5e" * 32, "LINKID__PUSH__SMTP__HOST": "127.0.0.1",
        "LINKID__PUSH__SMTP__SENDER": "x@example.com", "LINKID__PUSH__SMTP__PASSWORD": "words-of-the-mail-server",
        "SOMEBODYS_TOKEN": "nothing-of-ours",
    }  # fmt: skip
    for process in ("sam", "ac"):
        hsm = f"LINKID__{process.upper()}_HSM__"
        secrets |= {f"{hsm}MODULE": module, f"{hsm}TOKEN_LABEL": LABELS[process],
                    f"{hsm}PIN": (pins / f"hsm-{process}.pin").read_text()}  # fmt: skip
    owners = {"sam_hsm__pin": "sam-0", "ac_hsm__pin": "ac", "gateway__secret": "gateway", "smtp__password": "gateway"}
    with machine.serving(secrets):
        assert machine.ready()
        for child in CHILDREN:
            try:
                raw = Path(f"/proc/{machine.pid(child)}/environ").read_bytes()
            except PermissionError:
                pytest.skip("SAM, AC and gateway let none but root look")
            seen = dict(line.split("=", 1) for line in raw.decode().split("\0") if line)
            for name, value in secrets.items():
                mine = any(name.lower().endswith(end) and child == owner for end, owner in owners.items())
                if name.endswith(("PIN", "SECRET", "PASSWORD", "TOKEN")):
                    assert (value in raw.decode()) == mine, (child, name)
            conf = {"sam-0": "sam", "ac": "ac"}.get(child)
            assert seen.get("SOFTHSM2_CONF") == (conf and str(tokens / conf / "softhsm2.conf")), child
            foreign = [name for name in seen if not name.startswith("LINKID") and name not in EVERYBODYS]
            assert [name for name in foreign if not name.startswith("LC_")] == [], child


def test_ctrl_c_stops_every_process(machine: Machine) -> None:
    """Within seconds, with exit code 0, and nothing is left running."""
    with machine.serving() as supervisor:
        pids = {child: machine.pid(child) for child in CHILDREN}
        assert all(pids.values()), pids
        asked = time.monotonic()
        supervisor.send_signal(signal.SIGINT)
        assert supervisor.wait(20) == 0
        assert time.monotonic() - asked < 15
    assert not [child for child, pid in pids.items() if is_running(pid)]
    assert "does not stop by itself" not in machine.words()


def test_a_second_one_says_so_and_leaves_the_first_alone(machine: Machine) -> None:
    """`make run` in another terminal names the process that runs already."""
    with machine.serving() as supervisor:
        second = subprocess.run(
            [sys.executable, "-m", "linkid", "serve"], env=machine.environment, capture_output=True, text=True
        )
        assert second.returncode == 1
        assert f"already runs from this folder, as process {supervisor.pid}" in second.stderr
        assert machine.ready()


def test_every_killed_process_comes_back(machine: Machine) -> None:
    """kill -9 of SAM, AC, gateway, app host, database, one after the other: each time everything is ready again."""
    with machine.serving():
        for child in CHILDREN:
            before = machine.pid(child)
            os.kill(before, signal.SIGKILL)
            wait_for(lambda child=child, before=before: machine.pid(child) not in (0, before), 30)  # type: ignore[misc]
            wait_for(machine.ready, 30)
        wait_for(lambda: "<html" in _or_nothing(machine), 30)


def _or_nothing(machine: Machine) -> str:
    try:
        return machine.page("/")
    except (urllib.error.URLError, ConnectionError):
        return ""


def test_kill_9_of_the_supervisor_is_survived(machine: Machine) -> None:
    """No process outlives it, and the next start works in spite of all that was left behind."""
    with machine.serving() as supervisor:
        pids = [machine.pid(child) for child in CHILDREN]
        supervisor.kill()
        supervisor.wait()
        wait_for(lambda: not any(map(is_running, pids)), 20)
    with machine.serving():
        assert machine.ready()


def test_a_restored_database_is_accepted_by_one_command(machine: Machine) -> None:
    """Refused while the AC works; with everything stopped, the embedded database is brought up and put right."""
    data, copy = machine.var / "postgres", machine.var / "postgres-before"
    person = ["--name", "Maria da Silva", "--cpf", "52998224725", "--birth", "31/12/1979", "--email", "m@example.com"]
    shutil.copytree(data, copy)
    with machine.serving():
        assert machine.linkid("operator", "init").returncode == 0
        ordered = machine.linkid("request", "new", *person, "--phone", "(31) 99999-8888")
        assert ordered.returncode == 0, ordered.stderr
        refused = machine.linkid("accept-restore", "ac")
        assert (refused.returncode, refused.stderr) == (
            1,
            "linkid accept-restore: the AC works: there is nothing to accept\n",
        )
    shutil.rmtree(data)
    shutil.copytree(copy, data)
    if os.geteuid() == 0:
        owner = copy.parent / "run" / "postgres"
        for path in (data, *data.rglob("*")):
            os.chown(path, owner.stat().st_uid, owner.stat().st_gid)
    done = machine.linkid("accept-restore", "ac")
    assert done.returncode == 0, done.stderr
    with machine.serving():
        assert machine.ready()
