"""The native-messaging host that browser extensions talk to, Web eID's and ours: pages log in and sign by the phone.

`messages.py` are Web eID's rules (what a request must be, what is signed; no input or output), `pages.py` our own,
`host.py` the process that a browser starts for each request, `manifest.py` the files by which browsers find it;
`extension/` is our extension, `linkid-pages.js` what pages copy. No port is opened: the extension computes the page's
origin from the tab, and the phone shows it. What pages get, the daemon decides.
"""
