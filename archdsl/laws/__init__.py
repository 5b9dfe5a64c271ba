"""The laws that every word obeys, ours and those of packages, tried on the examples of its entry.

A law is a function of an example with the decorator ``law``; `archdsl words --check` and the tests call the same functions. Enter
by ``trial.tried``.
"""
