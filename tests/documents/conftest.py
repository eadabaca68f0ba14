"""An authority and holders of the tests; keys are made once for the whole folder."""

from pathlib import Path

import pytest

from tests.agent.pdfs import blank
from tests.agent.pki import Authority, Holder
from tests.issuance.conftest import ac_slot, clock, settings, short_folder, world

__all__ = ["ac_slot", "clock", "settings", "short_folder", "world"]  # a real AC in its slot


@pytest.fixture(scope="package")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="package")
def rsa_holder(authority: Authority) -> Holder:
    return Holder(authority)


@pytest.fixture(scope="package")
def ec_holder(authority: Authority) -> Holder:
    return Holder(authority, ecdsa=True)


@pytest.fixture(scope="package")
def contract(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A PDF of one page."""
    return blank(Path(tmp_path_factory.mktemp("documents"), "contrato.pdf")).read_bytes()
