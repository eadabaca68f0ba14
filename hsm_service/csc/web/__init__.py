"""CSC on HTTP: ``v2`` and ``v1`` are the two versions, ``calls`` what both do, ``documents`` what is made of files, and
time stamps; ``oauth1`` API 1's own tokens.
"""

from hsm_service.csc.web.oauth1 import OAuthV1
from hsm_service.csc.web.v1 import CscV1
from hsm_service.csc.web.v2 import CscV2

__all__ = ["CscV1", "CscV2", "OAuthV1"]
