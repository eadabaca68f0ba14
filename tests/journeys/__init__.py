"""Whole stories on real parts: every process, a real database, a real token, a real browser where people look."""
