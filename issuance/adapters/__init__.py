"""The outside of an emission: AC and SAM over their private channels, the captcha."""
