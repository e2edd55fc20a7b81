"""Feature families, in the order in which their features stand in the matrix. A new family is one file and one line here."""

from rdl.features.families import attributes, recency, sequence, streaks, variety, windows
from rdl.features.families.family import Context, Family

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (windows.FAMILY, sequence.FAMILY, streaks.FAMILY, variety.FAMILY, recency.FAMILY, attributes.FAMILY)
}

__all__ = ["FAMILIES", "Context", "Family"]
