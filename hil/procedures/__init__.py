"""How each quantity of the certificate is measured on a bench. One module a subject; every function returns `Findings`.

Nothing here judges (`hil.limits` and `hil.measurement` do) or computes (`hil.analysis` and `hil.response` do): a procedure
plays, records, and names what it read.
"""
