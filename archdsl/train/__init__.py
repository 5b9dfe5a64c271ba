"""The training of a network: the loop, its step, optimisers, and everything that a run does besides.

Enter by ``fit.fit``: ``prepare`` gathers what the loop needs, ``loop`` trains, ``writer`` of archdsl.runs records.
"""
