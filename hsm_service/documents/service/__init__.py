"""What documents do: ``signing`` is the way in; ``cms``, ``pades`` and ``xades`` are its families.

``drawing`` makes the visible stamp, ``time_stamps`` asks authorities, ``long_term`` puts evidence beside signatures;
``verification`` asks what signatures are worth, which ``judging`` says. What parses others' bytes are ``jobs``, done in
processes that end; ``workshop`` is how they are asked for.
"""

from hsm_service.documents.service.signing import DocumentService, Finished

__all__ = ["DocumentService", "Finished"]
