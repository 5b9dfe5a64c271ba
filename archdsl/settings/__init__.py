"""What an experiment is: its data and train words folded into settings, and what is checked of them before anything trains.

Enter by ``fold.fold_data`` and ``fold_train``; ``checks`` has what `train` refuses and `check` reports. Knows no torch.
"""
