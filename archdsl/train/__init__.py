"""The training of a network: the step, its optimisers, and everything that a run does besides.

Enter by ``fit.fit``: ``prepare`` makes a job, ``loop`` trains by ``step.train_step``, ``writer`` of archdsl.runs records.
"""
