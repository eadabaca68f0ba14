"""The window: a view of what the command line does too (the agent's `desk`, `sign`, `overview`, the daemon's socket).

`frame` joins the pages: `associate_page`, `sign_page` (with `file_list` and `preview`), `waiting_page`,
`sessions_page`, `sites_page`, `computer_page`, and the lists of `tables`. `views` fulfils the agent's `ui.port`;
`worker` is the thread where everything waits, so that no network and no key store ever stops the window. `render` draws
pages of PDFs in a process of its own, because what is dropped here may be anybody's. `look` has the colours,
`qr_picture` draws codes. Qt and pdfium are known here only.

Open `frame.py` first.
"""
