"""How a key is born: prepared, made in the HSM, bound to the password, proved to the AC.

``pool`` has keys that were made ahead, while nobody needed the HSM.
"""
