"""The phone app and the emission page in a real browser, against a gateway double; and the app host."""
