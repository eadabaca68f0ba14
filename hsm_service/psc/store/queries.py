"""The statements of queries.sql."""

from typing import Final

from foundation.queries import Queries

QUERIES: Final = Queries.load("hsm_service.psc")
