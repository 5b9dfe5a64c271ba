"""Search: the arms of a space are chosen one after the other under a budget, and the best are judged on fresh seeds.

Enter by ``order.py``, the algorithm as a function of results, and ``carry_out.py``, which trains what it asks for.
"""
