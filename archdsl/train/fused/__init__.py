"""Several seeds of one experiment trained as one net.

Enter by ``fit.fit_together``; ``eligible`` says which settings allow it, ``loop`` trains, ``model`` joins the nets.
"""
