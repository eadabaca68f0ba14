"""`make bench`: how fast, as ratios to a reference measured in the same run, several rounds, medians.

Open `report` for the form of a row, `__main__` for the list of benchmarks. A new one is a module with a `Benchmark`.
``raw_pkcs11`` (with ``raw_worker``) measures the bare token, ``signing`` everything around it. Absolute numbers belong
to one machine and one minute; ratios travel better, so every row has one.
"""
