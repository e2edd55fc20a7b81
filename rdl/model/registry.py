"""The members by name: one line each."""

from collections.abc import Sequence

from rdl.errors import ModelFileError, UsageError, nearest
from rdl.model.boosted import OWN, Boosted
from rdl.model.embedded import Embedded
from rdl.model.estimated import Estimated
from rdl.model.graphed import Graphed
from rdl.model.member import Member
from rdl.model.naive import Naive
from rdl.model.ranked import Ordered, Ranked
from rdl.model.settings import MEMBERS
from rdl.model.smoothed import Smoothed
from rdl.model.stacked import Stacked
from rdl.task import Kind

_MEMBERS: dict[str, Member] = {
    member.name: member
    for member in (
        Boosted("entity", families=OWN, baseline=True),
        Boosted("features"),
        Smoothed("graphboost", optional=True),
        Stacked("stacked", optional=True),
        Graphed("sage"),
        Graphed("relgnn", optional=True),
        Embedded("embedded", "sage"),
        Estimated("lightgbm"),
        Estimated("catboost"),
        Estimated("tabicl"),
        Estimated("tabpfn"),
        Naive("typical", own=False),
        Naive("last", own=True),
        Ordered("popular", own=False),
        Ordered("past", own=True),
        Ranked("ranked"),
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


def members_for(kind: Kind, names: Sequence[str]) -> tuple[str, ...]:
    """The members to fit: those named, or where none is named all that answer a question of this kind and are not optional.

    Raises:
        UsageError: a member that is named does not answer it, or needs a library that is not installed.
    """
    able = tuple(name for name in MEMBERS if kind in member(name).kinds)
    for name in names:
        if name not in able:
            raise UsageError(
                f"the member {name!r} does not answer {kind.value} tasks", where="--members", fix=f"choose from {', '.join(able)}"
            )
        member(name).require()
    return tuple(names) or tuple(name for name in able if not member(name).optional)
