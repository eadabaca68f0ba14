"""Consents: a holder allowed one application to send their factors by itself. Given by a decision, counted, ended."""
