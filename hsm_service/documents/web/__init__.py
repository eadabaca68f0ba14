"""*Verificar assinatura* on HTTP: ``verify`` answers people with a page and programs with JSON; ``upload`` reads what
they send. The page's own files lie in a folder beside.
"""
