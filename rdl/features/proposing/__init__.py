"""From the data to a plan: what the rows look like, which blocks and features that suggests, in words, and what is left out."""
