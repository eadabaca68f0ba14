"""The holder's signed answer: step 7, in its lettered parts (``service``).

``effects`` is what a yes does, for each type of document; ``store`` keeps the evidence; ``state`` tells what became of
it.
"""
