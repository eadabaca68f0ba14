"""Generators of codes on phones: their secrets as the SAM keeps them, and the newest step that each was used for."""
