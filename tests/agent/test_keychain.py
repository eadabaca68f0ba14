"""Where the association key rests: a key store that works, fails, never answers, or is not there; a sealed file."""

import base64
import errno
import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import keyring
import keyring.backend
import keyring.errors
import pytest
from joserfc.jwk import ECKey

from desktop_agent import keychain
from desktop_agent.errors import KeychainProblem, StateLost
from desktop_agent.keychain import FileKeychain, KeyringKeychain
from desktop_agent.profiles import Profile, write_private
from desktop_agent.sealing import CREDENTIALS_SOCKET, MachineSeal, NoSeal, SystemdSeal

PROFILE = Profile("test", "cmp_" + "0" * 26, "Notebook", "keyring", "2026-01-01T00:00:00Z")


class Store(keyring.backend.KeyringBackend):
    """A key store in memory, with faults."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.content: dict[tuple[str, str], str] = {}
        self.fault = ""

    def _trouble(self) -> None:
        if self.fault == "locked":
            raise keyring.errors.KeyringLocked("the person dismissed the window")
        if self.fault == "broken":
            raise RuntimeError("the bus is gone")
        if self.fault == "silent":
            time.sleep(3)

    def set_password(self, service: str, username: str, password: str) -> None:
        self._trouble()
        if self.fault != "forgetful":
            self.content[service, username] = password

    def get_password(self, service: str, username: str) -> str | None:
        self._trouble()
        return self.content.get((service, username))

    def delete_password(self, service: str, username: str) -> None:
        self._trouble()
        try:
            del self.content[service, username]
        except KeyError as cause:
            raise keyring.errors.PasswordDeleteError(username) from cause


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    before, store = keyring.get_keyring(), Store()
    monkeypatch.setattr(keychain, "STORE_SECONDS", 0.2)
    keyring.set_keyring(store)
    yield store
    keyring.set_keyring(before)


async def test_a_store_that_works_is_used(store: Store, tmp_path: Path) -> None:
    """The key comes back as it was, the probe leaves nothing behind, and forgetting twice is harmless."""
    chain = await keychain.choose(tmp_path)
    key = ECKey.generate_key("P-256")
    assert (chain.name, store.content) == ("keyring", {})

    await chain.save(PROFILE, key)
    assert (await chain.load(PROFILE)).thumbprint() == key.thumbprint()
    assert list(tmp_path.iterdir()) == []
    await chain.forget(PROFILE)
    await chain.forget(PROFILE)
    assert store.content == {}
    with pytest.raises(KeychainProblem, match="não está no chaveiro"):
        await chain.load(PROFILE)


@pytest.mark.parametrize("fault", ["locked", "broken", "silent", "forgetful"])
async def test_a_store_that_does_not_work_gives_way_to_a_file(store: Store, tmp_path: Path, fault: str) -> None:
    """Locked, broken, without an answer, or losing what it was given: a private file, and nobody waits long."""
    store.fault = fault
    began = time.monotonic()

    chain = await keychain.choose(tmp_path)

    assert isinstance(chain, FileKeychain)
    assert time.monotonic() - began < 2
    with pytest.raises(KeychainProblem, match="não está disponível"):
        await keychain.choose(tmp_path, "keyring")


@pytest.mark.parametrize("fault", ["locked", "broken", "silent"])
async def test_a_store_that_fails_later_is_told(store: Store, fault: str) -> None:
    """The key is there and cannot be had: one of our errors, not a foreign one."""
    await KeyringKeychain().save(PROFILE, ECKey.generate_key("P-256"))
    store.fault = fault

    with pytest.raises(KeychainProblem, match="chaveiro do sistema"):
        await KeyringKeychain().load(PROFILE)


@pytest.mark.parametrize("damage", ["x", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
async def test_a_damaged_key_is_told(store: Store, damage: str) -> None:
    """Whatever lies there in place of the key is not used."""
    store.content[keychain.SERVICE, PROFILE.computer] = damage

    with pytest.raises(KeychainProblem, match="danificada"):
        await KeyringKeychain().load(PROFILE)


async def test_a_key_of_another_kind_is_refused(store: Store) -> None:
    """A public key, or one of another curve, is not ours."""
    for key in (ECKey.generate_key("P-384").as_pem(private=True), ECKey.generate_key("P-256").as_pem(private=False)):
        store.content[keychain.SERVICE, PROFILE.computer] = key.decode()
        with pytest.raises(KeychainProblem):
            await KeyringKeychain().load(PROFILE)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """What stands in for /etc/machine-id."""
    path = tmp_path / "machine-id"
    path.write_text("3d1219c7c4c5404aaa1f6d2a48adfda4\n")
    return path


async def test_a_copy_opens_on_no_other_machine(tmp_path: Path, machine: Path) -> None:
    """The file holds no key in clear, opens here, and nowhere else: another machine, none, another association."""
    chain = FileKeychain(tmp_path, [MachineSeal(machine), NoSeal()])
    key = ECKey.generate_key("P-256")
    await chain.save(PROFILE, key)
    content = json.loads((tmp_path / "test" / "association-key.json").read_bytes())
    assert content["seal"] == "machine"
    assert key.as_pem(private=True)[40:60] not in base64.b64decode(content["sealed"])
    assert "selado para esta máquina" in chain.where(PROFILE)
    assert "outra máquina" in chain.against(PROFILE)
    assert (await chain.load(PROFILE)).thumbprint() == key.thumbprint()

    with pytest.raises(StateLost, match="outra máquina"):
        await chain.load(replace(PROFILE, computer="cmp_" + "1" * 26))
    machine.write_text("4" * 32)
    with pytest.raises(StateLost, match="outra máquina") as caught:
        await chain.load(PROFILE)
    assert "linkid-desktop associate" in caught.value.advice
    machine.unlink()
    with pytest.raises(KeychainProblem, match="não diz qual é esta"):
        await chain.load(PROFILE)


@pytest.mark.parametrize("said", [None, "", "uninitialized", "3D1219C7C4C5404AAA1F6D2A48ADFDA4", "é" * 32])
async def test_a_machine_without_a_name_seals_nothing_and_says_so(
    tmp_path: Path, machine: Path, said: str | None
) -> None:
    """No machine-id, or one that is none: the key is kept all the same, and whoever looks is told how."""
    machine.unlink() if said is None else machine.write_text(said)
    chain = FileKeychain(tmp_path, [MachineSeal(machine), NoSeal()])
    key = ECKey.generate_key("P-256")
    await chain.save(PROFILE, key)
    assert "não selado" in chain.where(PROFILE)
    assert "pode pedir assinaturas" in chain.against(PROFILE)
    assert (await chain.load(PROFILE)).thumbprint() == key.thumbprint()


async def test_the_file_of_an_earlier_version_is_taken_over(tmp_path: Path, machine: Path) -> None:
    """The first use seals it and removes the open one; where the disk only reads it serves as it is, and is told."""
    folder, key = tmp_path / "test", ECKey.generate_key("P-256")
    folder.mkdir(mode=0o700)
    open_one = folder / "association-key.pem"
    write_private(open_one, key.as_pem(private=True))
    chain = FileKeychain(tmp_path, [MachineSeal(machine), NoSeal()])
    assert "não selado" in chain.where(PROFILE)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(keychain, "write_private", full_disk)
        assert (await chain.load(PROFILE)).thumbprint() == key.thumbprint()
    assert open_one.exists()
    assert (await chain.load(PROFILE)).thumbprint() == key.thumbprint()
    assert [path.name for path in folder.iterdir()] == ["association-key.json"]
    assert "selado para esta máquina" in chain.where(PROFILE)
    assert (await chain.load(PROFILE)).thumbprint() == key.thumbprint()
    await chain.forget(PROFILE)
    assert list(folder.iterdir()) == []


def full_disk(path: Path, data: bytes) -> None:
    raise OSError(errno.ENOSPC, "No space left on device", str(path))


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"7", b'{"v":2,"seal":"none","sealed":""}', b'{"v":1,"seal":"wax","sealed":""}',
     b'{"v":1,"seal":"machine","sealed":"*"}', b'{"v":1,"seal":"machine","sealed":"AAAA"}',
     b'{"v":1,"seal":["machine"],"sealed":7}', b'{"v":1,"seal":"none","sealed":"AAAA"}', b"[" * 100_000, b"\xff" * 9],
)  # fmt: skip
async def test_a_sealed_file_that_is_none(tmp_path: Path, machine: Path, content: bytes) -> None:
    """Whatever lies there is told as damaged; `status` goes on."""
    chain = FileKeychain(tmp_path, [MachineSeal(machine), NoSeal()])
    (tmp_path / "test").mkdir()
    write_private(tmp_path / "test" / "association-key.json", content)
    with pytest.raises(StateLost):
        await chain.load(PROFILE)
    assert chain.where(PROFILE)


HONEST = """words="--user --name=linkid-desktop.cmp_00000000000000000000000000"
case "$*" in
    "$words encrypt - -") base64 | rev ;;
    "$words decrypt - -") rev | base64 -d ;;
    *) echo "unrecognized option '$1'" >&2; exit 1 ;;
esac"""


class Creds:
    """A `systemd-creds` of our own on PATH: it takes the words that the real one takes, and hides what it is given."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "socket"
        self.socket.touch()
        self.program = folder / "bin" / "systemd-creds"
        self.program.parent.mkdir()
        self.behave(HONEST)

    def behave(self, shell: str) -> None:
        self.program.write_text(f"#!/bin/sh\n{shell}\n")
        self.program.chmod(0o755)


@pytest.fixture
def creds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Creds:
    made = Creds(tmp_path)
    monkeypatch.setenv("PATH", str(made.program.parent), prepend=os.pathsep)
    return made


async def test_systemd_seals_where_it_can(tmp_path: Path, machine: Path, creds: Creds) -> None:
    """The better seal is taken when it opens again; one that does not, an older program, no service: the next one."""
    chain = FileKeychain(tmp_path, [SystemdSeal(creds.socket), MachineSeal(machine), NoSeal()])
    key = ECKey.generate_key("P-256")
    await chain.save(PROFILE, key)
    assert "selado pelo systemd" in chain.where(PROFILE)
    assert (await chain.load(PROFILE)).thumbprint() == key.thumbprint()

    creds.behave("echo Failed to decrypt >&2; exit 1")
    with pytest.raises(StateLost, match="systemd não abriu") as caught:
        await chain.load(PROFILE)
    assert "Repita" in caught.value.advice
    creds.program.unlink()
    with pytest.raises(KeychainProblem, match=r"falta o programa|não abriu"):  # or this system's own, which is older
        await chain.load(PROFILE)
    for shell in ("exit 1", "cat >/dev/null; echo x", "kill $$", HONEST):
        creds.behave(shell)
        if shell is HONEST:
            creds.socket.unlink()
        await chain.save(PROFILE, key)
        assert "selado para esta máquina" in chain.where(PROFILE)


@pytest.mark.skipif(not CREDENTIALS_SOCKET.exists(), reason="no running systemd of version 256 or later")
def test_the_systemd_of_this_machine() -> None:
    """The real one seals for this user, and opens only under the same name."""
    seal = SystemdSeal()
    sealed = seal.seal(b"secret", "cmp_a")
    assert seal.open(sealed, "cmp_a") == b"secret"
    with pytest.raises(StateLost):
        seal.open(sealed, "cmp_b")


async def test_the_file_when_asked_for(store: Store, tmp_path: Path) -> None:
    """--keychain file does not touch the store."""
    store.fault = "broken"

    assert isinstance(await keychain.choose(tmp_path, "file"), FileKeychain)
