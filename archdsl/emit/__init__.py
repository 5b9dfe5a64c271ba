"""Traces to torch modules and to standalone source files. torch is known from here on.

Enter by ``build.build`` and ``source.source``; ``layers`` has the modules that torch lacks.
"""
