#!/usr/bin/env python3
"""Says whether a PDF's signatures are intact and whose they are, with pyHanko (pip install pyhanko).

    python3 examples/python/verify_pdf.py FILE.pdf ROOT.pem

The exit code is 0 only when every signature is intact, covers the whole document and leads to the root.
"""

# mypy: disable-error-code="no-untyped-call"

import sys
from pathlib import Path

from pyhanko.keys import load_certs_from_pemder
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext


def main() -> int:
    """The exit code."""
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    trust = ValidationContext(trust_roots=list(load_certs_from_pemder([sys.argv[2]])), allow_fetching=False)
    good = []
    with Path(sys.argv[1]).open("rb") as file:
        for signature in PdfFileReader(file).embedded_signatures:
            status = validate_pdf_signature(signature, trust)
            whole = status.coverage is not None and status.coverage.name == "ENTIRE_FILE"
            good.append(status.intact and status.valid and status.trusted and whole)
            verdict = "valid" if good[-1] else "NOT valid"
            print(f"{verdict}: {status.signing_cert.subject.human_friendly}")
    return 0 if good and all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
