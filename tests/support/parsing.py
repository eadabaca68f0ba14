"""The processes that parse documents, one nursery for a whole run of tests: it takes seconds to load."""

import atexit

from hsm_service.documents.service.workshop import Nursery

NURSERY = Nursery()
atexit.register(NURSERY.close)
