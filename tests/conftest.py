"""Fixtures for every test. What they are is said where they are written: tests/support."""

from linkid.platform import prepare_playwright
from tests.support.postgres import database, empty_database, migrated_template, postgres_server, shared_database
from tests.support.softhsm import hsm_module, sam_token

prepare_playwright()

__all__ = [
    "database",
    "empty_database",
    "hsm_module",
    "migrated_template",
    "postgres_server",
    "sam_token",
    "shared_database",
]
