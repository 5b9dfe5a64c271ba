"""The training of a network: the step, its optimisers, and everything that a run does besides.

Enter by ``fit.fit``: ``prepare`` makes a job, ``loop`` trains by ``step.train_step``, ``writer`` of archdsl.runs records.
Called as a function, the package is ``archdsl.notebook.train``.
"""

import sys

from archdsl.callable import CallableModule

sys.modules[__name__].__class__ = CallableModule
