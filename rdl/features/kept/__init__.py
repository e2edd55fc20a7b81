"""What is kept: features by cutoff, computed once and extended, and tonight's table of all entities."""
