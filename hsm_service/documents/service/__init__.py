"""What documents do: ``signing`` is the way in; ``cms``, ``pades`` and ``xades`` are its families.

``drawing`` makes the visible stamp, ``time_stamps`` asks authorities, ``long_term`` puts evidence beside signatures;
``verification`` starts the process in which ``judging`` says what signatures are worth.
"""

from hsm_service.documents.service.signing import DocumentService, Finished

__all__ = ["DocumentService", "Finished"]
