"""What the tests of the agent share: one authority and holder for all, a fresh gateway and state for each."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer
from joserfc.jwk import ECKey

from desktop_agent.domain.trust import Trust, read_trust
from desktop_agent.keychain import FileKeychain
from desktop_agent.profiles import Profile, Profiles
from tests.agent.gateway_double import AgentGateway
from tests.agent.pki import Authority, Holder
from tests.sandbox_phone.roots import Roots


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="session")
def maria(authority: Authority) -> Holder:
    return Holder(authority)


@pytest.fixture
async def gateway(authority: Authority, maria: Holder) -> AsyncIterator[AgentGateway]:
    """A gateway that follows the protocol, until a test tells it to lie."""
    double = AgentGateway(Roots(), authority, maria)
    server = TestServer(double.app(), host="127.0.0.1")
    await server.start_server()
    double.roots.app = double.roots.gateway = str(server.make_url("")).rstrip("/")
    yield double
    await server.close()


@pytest.fixture
def trust(gateway: AgentGateway) -> Trust:
    return read_trust(gateway.roots.trust())


@pytest.fixture
def profiles(tmp_path: Path) -> Profiles:
    return Profiles(tmp_path / "home")


@pytest.fixture
async def associated(gateway: AgentGateway, trust: Trust, profiles: Profiles) -> ECKey:
    """A computer that is associated already: profile and key as `associate` leaves them."""
    key = ECKey.generate_key("P-256")
    gateway.key = key
    profile = Profile("test", gateway.computer, "Notebook", "file", "2026-01-01T00:00:00Z")
    await FileKeychain(profiles.home).save(profile, key)
    profiles.save(profile, trust)
    return key
