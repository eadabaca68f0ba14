"""SoftHSM tokens for development and tests: the template of the configuration, and how a token is made.

First file to open: `tokens`. A real HSM needs none of this: point the settings at its PKCS#11 module.
"""
