"""The members by name: one line each."""

from rdl.errors import ModelFileError, nearest
from rdl.model.boosted import OWN, Boosted
from rdl.model.graphed import Graphed
from rdl.model.member import Member

_MEMBERS: dict[str, Member] = {
    member.name: member
    for member in (
        Boosted("entity", families=OWN, baseline=True),
        Boosted("features"),
        Graphed("sage"),
    )
}


def member(name: str) -> Member:
    """The member called `name`.

    Raises:
        ModelFileError: this version of rdl has no such member.
    """
    if name not in _MEMBERS:
        raise ModelFileError(f"no member {name!r} in this version of rdl", fix=nearest(name, _MEMBERS))
    return _MEMBERS[name]
