"""The rules of documents, without I/O: forms, signatories, preparations, signature policies."""
