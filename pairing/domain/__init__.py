"""The rules, without I/O: tables of states, codes and frames as functions of a key and an instant.

Time and randomness are arguments everywhere. Nothing here reads a clock, a socket or a row.
"""
