"""Approval documents: fixed, stated, waited for (step 4)."""
