"""What makes and checks the project; nothing here is part of what is installed. Run as `python3 -m tools.<name>`.

`bootstrap` sets a machine up (with `programs` and `debian`), `web` builds the phone app, `lock` renews the locks,
`draw_states`, `settings_page` and `psc_vendors_page` write pages from the code, `compose_secrets` makes what containers
need, `desktop_package` builds what people install on a computer, `suite` runs the tests, `tutorial` times the tutorial,
`defences` turns each defence off to see whether a test notices.
"""
