"""The native-messaging host that the unmodified Web eID browser extension talks to: pages log in and sign by the phone.

`messages.py` are the rules (what a request must be, what is signed; no input or output), `host.py` the process that a
browser starts for each request, `manifest.py` the files by which browsers find it. No port is opened: the extension
computes the page's origin from the tab, and the phone shows it.
"""
