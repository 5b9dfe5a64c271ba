"""The sections of the HTML report of a study."""
