"""The signing API as the Cloud Signature Consortium wrote it (2.0 and 1.0.4). A dialect: it owns no table and no state.

``dialect`` reads and writes its JSON (pure), ``algorithms.py`` maps its OIDs, ``problems.py`` its errors, ``web``
answers its calls, in each version, ``openapi`` describes them. What the standard says and we do otherwise:
docs/csc-divergences.md.
"""
