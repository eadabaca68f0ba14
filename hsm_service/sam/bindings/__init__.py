"""Phones that may decide for a credential."""
