"""The folder of a run: written while it trains, read, found and listed afterwards.

Enter by ``run.find_run`` and ``run.load_run``; ``writer`` writes a folder, ``store`` keeps it whole, ``index`` lists many.
"""
