"""What is wrong with the rows: every check, its policy, and what was found."""
