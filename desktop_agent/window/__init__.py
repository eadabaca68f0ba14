"""The window: a view of what the command line does too (`desk.py`, `sign.py`, `overview.py`, the daemon's socket).

`frame.py` joins the pages; `views.py` fulfils `ui/port.py`; `worker.py` is the thread where everything waits, so that
no network and no key store ever stops the window; `preview.py` has pages of PDFs drawn by a process of their own
(`render.py`), because what is dropped here may be anybody's. Qt and pdfium are known here only.

Open `frame.py` first.
"""
