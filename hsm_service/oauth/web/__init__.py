"""OAuth on HTTP: ``endpoints`` for programs, ``metadata`` about them, ``authorize`` for people, ``bearer`` for the APIs
behind a token; ``form`` reads parameters, ``clients`` who sends them, ``drawing`` draws QR codes.
"""
