"""A phone's passkey, in front of its device key: asked for before any password is tried. Read ``service``."""
