"""What a person sees: `port` says what a story shows, `terminal`, `page` and `silent` fulfil it (two at once:
`together`); `qr` draws.
"""
