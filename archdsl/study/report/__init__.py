"""What is shown of a study: tables, notes, figures and the page."""
