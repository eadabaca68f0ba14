"""Which certificates exist, what they say, and whose they are.

The truth about a credential is the SAM's; the gateway reads it through the view ``sam.credential_facts``. What this
slice owns is the holder: name, telephone number, e-mail, and which credentials are theirs.

Start with ``service.py``; ``domain/certificate.py`` reads X.509, ``domain/credential.py`` says what it is good
for.
"""
