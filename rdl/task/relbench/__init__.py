"""RelBench in and out: its task manifests, its label tables, its predictions, and any project as a folder of its form."""
