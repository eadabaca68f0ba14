"""Every query of the slice, for all its stores."""

from typing import Final

from foundation.queries import Queries

QUERIES: Final = Queries.load("hsm_service.oauth")
