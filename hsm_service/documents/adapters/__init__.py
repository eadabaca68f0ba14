"""The outside world of documents: ``http_tsa`` (time-stamping authorities), ``authority`` (our AC, over its channel:
stamps of development, and evidence), ``files`` (policies, roots).
"""
