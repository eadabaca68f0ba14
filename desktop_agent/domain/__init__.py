"""Rules without input or output: time is an argument.

`encoding` and `trust`: whom we believe. `certificate`: what a certificate says and verifies. `algorithm`: ways to
sign. `request`: what we asked, and whether the signed statement says the same. `link`: the association ceremony.
`ask`: what this computer signs when it asks. `site`: what a holder signs when a page may see a certificate.
`stamp`: where the visible stamp stands on a page. `signed`: what is said of a signature that is there.
`session`: the states of the program.
"""
