"""Where the association key rests: a key store that works, one that fails, one that never answers, none."""

import time
from collections.abc import Iterator
from pathlib import Path

import keyring
import keyring.backend
import keyring.errors
import pytest
from joserfc.jwk import ECKey

from desktop_agent import keychain
from desktop_agent.errors import KeychainProblem
from desktop_agent.keychain import FileKeychain, KeyringKeychain
from desktop_agent.profiles import Profile

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
    assert "só o seu usuário lê" in chain.where(PROFILE)
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


async def test_the_file_when_asked_for(store: Store, tmp_path: Path) -> None:
    """--keychain file does not touch the store."""
    store.fault = "broken"

    assert isinstance(await keychain.choose(tmp_path, "file"), FileKeychain)
