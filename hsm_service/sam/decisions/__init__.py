"""The holder's signed answer: step 7, in its lettered parts (``service``).

``look`` reads all that a decision is judged by, with one statement; ``approval`` writes a yes to a request, with one
more. ``effects`` is what a yes to anything else does; ``renewal`` binds the key by the newest pepper with either;
``store`` keeps the evidence; ``state`` tells what became of it.
"""
