"""BirdID's applications send hashes in hexadecimal, and find their token type in lower case."""

from tests.psc.integrators.norm import Application


class BirdIdApplication(Application):
    """As docs.vaultid.com.br shows."""

    @staticmethod
    def encoded(digest: bytes) -> str:
        """Hexadecimal."""
        return digest.hex()
