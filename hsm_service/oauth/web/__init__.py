"""OAuth on HTTP: ``endpoints`` for programs, ``authorize`` for people, ``bearer`` for the APIs behind a token;
``form`` reads parameters, ``drawing`` draws QR codes.
"""
