"""The stories: ``clients`` are registered, ``authentication`` at the token endpoint, ``tokens`` given, ``pages`` where
a holder identifies, ``callers`` known by their tokens.
"""
