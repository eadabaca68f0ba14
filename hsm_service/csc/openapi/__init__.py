"""CSC's API as tables: ``v2`` and ``v1`` say what the dialect's readers take and its answers have, with their limits.
``credentials`` and ``signatures`` are version 2's calls by noun, ``words`` what all of them share.

`tests/csc/test_openapi.py` holds the tables against the readers; the fuzzer of `tests/sandbox` against the whole.
"""

from hsm_service.csc.openapi.v1 import OAUTH_SECTION as OAUTH_V1
from hsm_service.csc.openapi.v1 import SECTION as SECTION_V1
from hsm_service.csc.openapi.v2 import SCHEMAS, SECTION

__all__ = ["OAUTH_V1", "SCHEMAS", "SECTION", "SECTION_V1"]
