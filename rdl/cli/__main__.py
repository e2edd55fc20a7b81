"""`python -m rdl.cli` is `rdl`."""

from rdl.cli import main

main()
