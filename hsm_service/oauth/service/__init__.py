"""The stories: ``clients`` are registered, ``authentication`` at the endpoints, ``requests`` pushed and read, ``pages``
where a holder identifies and ``signing_pages`` where they are asked to sign, ``tokens`` given (``sealed``: what they
carry), ``introspection`` of them, ``callers`` known by them, and the ``pace`` at which they come.
"""
