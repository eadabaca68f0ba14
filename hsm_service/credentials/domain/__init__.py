"""Pure: ``certificate`` reads X.509, ``credential`` says what one is good for, ``holder`` whose it is,
``identification`` by which CPF or CNPJ. No I/O; time is an argument.
"""
