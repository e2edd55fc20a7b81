"""Names of submodules: torch allows no dots in them, and none that a container's own methods bear (a table called `items`)."""


def module_key(*names: str) -> str:
    """A distinct, legal submodule name for a table, or for the three names of an edge type."""
    return "of-" + "-".join(n.replace("%", "%25").replace(".", "%2E").replace("-", "%2D") for n in names)
