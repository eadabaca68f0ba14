"""Guesses of the usage password: counted before they are tried.

``service`` counts, ``domain`` says when a ladder is locked; ``in_flight`` knows the tries of this moment, so that right
passwords that come together do not lock each other out.
"""
