"""NeoID's applications read ``code`` and ``msg`` of an error."""

from tests.psc.integrators.norm import Application, Refused


class NeoIdApplication(Application):
    """As neoid.estaleiro.serpro.gov.br shows."""

    @staticmethod
    def said(refused: Refused) -> tuple[str, str]:
        """What went wrong, as this application logs it."""
        return refused.body["code"], refused.body["msg"]
