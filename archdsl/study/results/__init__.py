"""What the runs of a study give: values, comparisons and decisions."""
