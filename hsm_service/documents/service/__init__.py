"""What documents do: ``signing`` is the way in; ``cms`` and ``pades`` are its families, ``drawing`` makes the stamp."""

from hsm_service.documents.service.signing import DocumentService, Finished

__all__ = ["DocumentService", "Finished"]
