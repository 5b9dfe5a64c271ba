"""One module for each command, imported when it is called; its function ``command`` has the options and the help."""
