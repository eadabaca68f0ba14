"""The page on HTTP, without a script: ``pages`` answers, ``forms`` says whose a request is, ``shown`` has the words."""
