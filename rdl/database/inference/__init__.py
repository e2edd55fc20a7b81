"""What the rows say of keys, references, times and meanings that nobody declared."""
