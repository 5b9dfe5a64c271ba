"""What commands show: rows, trees, progress and figures, as text for a terminal. One module for each subject."""
