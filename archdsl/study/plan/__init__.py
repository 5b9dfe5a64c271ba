"""What a study is: its file, factors, arms and plan."""
