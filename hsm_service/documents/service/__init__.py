"""What documents do: ``signing`` is the way in, the others are its families."""

from hsm_service.documents.service.signing import DocumentService, Finished

__all__ = ["DocumentService", "Finished"]
