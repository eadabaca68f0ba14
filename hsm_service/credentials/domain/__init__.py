"""Pure: ``certificate`` reads X.509, ``credential`` says what one is good for, ``holder`` whose it is. No I/O; time is
an argument.
"""
