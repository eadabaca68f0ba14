"""Computers that may ask for signatures."""
