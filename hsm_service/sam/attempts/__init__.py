"""Guesses of the usage password: counted before they are tried."""
