"""The window, without a screen, beside a gateway that answers as told."""
