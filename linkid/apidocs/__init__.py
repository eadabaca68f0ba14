"""The public API described: `/openapi.json` for programs, `/docs/api/` for people. One table, nothing said twice.

`sections.py` gathers what the slices say of themselves, and names the routes that are nobody's API; `reading.py` makes
of schemas what a page can show; `pages.py` serves both. A new dialect: a module `openapi` with a `SECTION` beside its
readers (`hsm_service/csc/openapi/` is the example), and a line in `sections.py`.
"""
