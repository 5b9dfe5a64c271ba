"""Faster forms of a net and of a step, on the same parameters and buffers; each beside a plain one that stays.

Enter by ``plan.choose``, which says what pays on this machine, and ``fast.fast``, which builds it; ``native`` has kernels in
C, ``compiled`` torch.compile, ``graph`` CUDA graphs. Importing this package loads no torch.
"""
