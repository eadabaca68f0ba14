"""The association key in a TPM 2.0: swtpm, which is one, reached by the programs that a real one is reached by."""

import asyncio
import base64
import json
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc.jwk import ECKey

from desktop_agent import keychain, tpm
from desktop_agent.associate import Ceremony
from desktop_agent.client.csc_client import CscClient
from desktop_agent.client.http import Caller
from desktop_agent.domain.trust import Trust
from desktop_agent.errors import KeychainProblem, StateLost
from desktop_agent.keychain import TpmKeychain
from desktop_agent.profiles import Profile, Profiles
from desktop_agent.tpm import PROGRAMS, Tpm
from linkid.platform import ProgramMissing, program
from tests.agent.daemon.conftest import short_folder  # noqa: F401
from tests.agent.gateway_double import AgentGateway
from tests.agent.test_associate import WANTED, scan
from tests.agent.views import RecordingAssociation

PROFILE = Profile("test", "cmp_" + "0" * 26, "Notebook", "tpm", "2026-01-01T00:00:00Z")


class Chip:
    """A TPM as a process: what it remembers lies in its folder, what is loaded goes with it."""

    def __init__(self, folder: Path, swtpm: Path, tools: Path) -> None:
        self._folder, self._swtpm = folder, swtpm
        folder.mkdir(exist_ok=True)
        self.tpm = Tpm(f"swtpm:path={folder / 's'}", str(tools))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        for name in ("s", "s.ctrl"):
            (self._folder / name).unlink(missing_ok=True)
        words = ["socket", "--tpm2", "--tpmstate", f"dir={self._folder}", "--flags", "not-need-init,startup-clear",
                 "--server", f"type=unixio,path={self._folder / 's'}",
                 "--ctrl", f"type=unixio,path={self._folder / 's.ctrl'}"]  # fmt: skip
        self._process = subprocess.Popen([self._swtpm, *words])
        while self._process.poll() is None:
            with socket.socket(socket.AF_UNIX) as asking:
                if asking.connect_ex(str(self._folder / "s.ctrl")) == 0:
                    return
        pytest.fail("swtpm ended at once")

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()


@pytest.fixture(scope="module")
def programs() -> tuple[Path, Path]:
    """swtpm, and the folder of tpm2-tools."""
    try:
        return program("swtpm"), program("tpm2_create").parent
    except ProgramMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def chip(programs: tuple[Path, Path]) -> Iterator[Chip]:
    """Below /tmp: a socket's name has room for 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="lk", dir="/tmp") as folder:
        made = Chip(Path(folder), *programs)
        made.start()
        yield made
        made.stop()


async def test_an_association_with_a_key_of_the_tpm(
    chip: Chip, gateway: AgentGateway, trust: Trust, profiles: Profiles
) -> None:
    """Associated, kept, found again by another process of ours, and believed by the service; no file holds the key."""
    view = RecordingAssociation("042")
    made = TpmKeychain(profiles.home, chip.tpm)
    profile, _ = await asyncio.gather(
        Ceremony(profiles, made, view, tick=0.005).run(trust, WANTED), scan(gateway, view)
    )
    assert profile.keychain == "tpm"
    file = profiles.home / profile.name / "association-key.tpm.json"
    assert file.stat().st_mode & 0o777 == 0o600

    later = TpmKeychain(profiles.home, chip.tpm)
    key = await later.load(profile)
    assert key.thumbprint() == gateway.link_key
    async with Caller(trust.gateway, key) as caller:
        assert await CscClient(caller, profile.computer).credentials()
    private = key.private_key
    assert private is not None
    for wanting in (
        private.private_numbers,
        lambda: private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
        lambda: private.sign(b"x", ec.ECDSA(hashes.SHA384())),
        lambda: private.exchange(ec.ECDH(), private.public_key()),
    ):
        with pytest.raises(TypeError):
            wanting()
    assert "d" not in key.as_dict(private=True)
    await later.forget(profile)
    await later.forget(profile)
    with pytest.raises(StateLost, match="não está mais"):
        await later.load(profile)


async def test_a_copy_serves_no_other_tpm(
    chip: Chip,
    programs: tuple[Path, Path],
    tmp_path: Path,
    short_folder: Path,  # noqa: F811
) -> None:
    """The folder beside another TPM signs nothing; the TPM started anew signs on; without a TPM it is said."""
    home = tmp_path / "home"
    here = TpmKeychain(home, chip.tpm)
    key = await here.make()
    await here.save(PROFILE, key)

    def signs() -> None:
        private = key.private_key
        assert private is not None
        private.public_key().verify(private.sign(b"ask", ec.ECDSA(hashes.SHA256())), b"ask", ec.ECDSA(hashes.SHA256()))

    signs()
    chip.stop()
    with pytest.raises(KeychainProblem, match="TPM"):
        signs()
    chip.start()
    signs()

    other = Chip(short_folder, *programs)
    other.start()
    try:
        with pytest.raises(StateLost, match="é de outra máquina"):
            await TpmKeychain(home, other.tpm).load(PROFILE)
    finally:
        other.stop()
    with pytest.raises(KeychainProblem, match="TPM"):
        await TpmKeychain(home, other.tpm).load(PROFILE)
    shutil.copytree(home, tmp_path / "copy")
    assert (await TpmKeychain(tmp_path / "copy", chip.tpm).load(PROFILE)).thumbprint() == key.thumbprint()


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"v":2}', b'{"v":1,"public":"*","private":""}', b'{"v":1,"public":"","private":""}',
     b'{"v":1,"public":"AAAA","private":"AAAA"}', b'{"v":1,"public":"' + b"A" * 40_000 + b'","private":"AAAA"}',
     b"[" * 100_000],
)  # fmt: skip
async def test_halves_that_are_none(chip: Chip, tmp_path: Path, content: bytes) -> None:
    """Told as damaged, and the TPM goes on."""
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "association-key.tpm.json").write_bytes(content)
    with pytest.raises(StateLost):
        await TpmKeychain(tmp_path, chip.tpm).load(PROFILE)


async def test_a_key_of_another_kind(chip: Chip, tmp_path: Path) -> None:
    """An RSA key that somebody had this TPM make is not taken for ours."""
    where = tmp_path / "where"
    where.mkdir()
    chip.tpm._primary(where)
    chip.tpm._run(where, "tpm2_create", "-C", "primary.ctx", "-G", "rsa2048", "-u", "key.pub", "-r", "key.priv")
    (tmp_path / "test").mkdir()
    halves = {name: base64.b64encode((where / file).read_bytes()).decode()
              for name, file in (("public", "key.pub"), ("private", "key.priv"))}  # fmt: skip
    (tmp_path / "test" / "association-key.tpm.json").write_text(json.dumps({"v": 1} | halves))
    with pytest.raises(StateLost, match="não é a deste programa"):
        await TpmKeychain(tmp_path, chip.tpm).load(PROFILE)


async def test_where_there_is_no_tpm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not chosen by itself, and when asked for by name the reason is told: no device, or no programs."""
    monkeypatch.setattr(tpm, "DEVICE", tmp_path / "tpmrm0")
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    assert (await keychain.choose(tmp_path)).name != "tpm"
    with pytest.raises(KeychainProblem, match="não pode abrir"):
        await keychain.choose(tmp_path, "tpm")
    (tmp_path / "tpmrm0").touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(KeychainProblem, match="apt-get install tpm2-tools"):
        await keychain.choose(tmp_path, "tpm")
    for name in PROGRAMS:
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    chosen = await keychain.choose(tmp_path)
    assert chosen.name == "tpm"
    with pytest.raises(KeychainProblem, match="recusou"):
        await chosen.make()
    with pytest.raises(TypeError):
        await chosen.save(PROFILE, ECKey.generate_key("P-256"))
