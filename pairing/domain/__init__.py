"""The rules, without I/O: tables of states, codes and frames as functions of a key and an instant.

``ceremony`` a phone's states · ``link`` a computer's · ``frames`` QR codes · ``codes`` what people type · ``numbers``
of telephones · ``names`` people give · ``limits`` · ``pumping`` · ``letters`` that warn · ``warnings`` on phones.

Time and randomness are arguments everywhere. Nothing here reads a clock, a socket or a row.
"""
