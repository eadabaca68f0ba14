"""Rows of schema ``psc`` as domain objects; the SQL is in ``hsm_service/psc/queries.sql``.

``grants`` (authorizations and tokens), ``starts`` and ``outcomes`` (what is to be posted), ``applications``.
"""

from hsm_service.psc.store.applications import ApplicationStore
from hsm_service.psc.store.grants import REPEATED, AskedSession, OpenSession, PscStore, Revoked
from hsm_service.psc.store.outcomes import DueOutcome, OutcomeStore
from hsm_service.psc.store.queries import QUERIES
from hsm_service.psc.store.starts import StartRow, StartStore

__all__ = [
    "QUERIES",
    "REPEATED",
    "ApplicationStore",
    "AskedSession",
    "DueOutcome",
    "OpenSession",
    "OutcomeStore",
    "PscStore",
    "Revoked",
    "StartRow",
    "StartStore",
]
