"""What a database is, before any row is numbered: `rdl schema`.

The source is opened, what nobody stated is inferred, and both are laid side by side: tables with rows, key, time, references and
the meaning of every column, and the proposals that say why.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace

from rdl.database.declared import Declared, declare, described
from rdl.database.inference import Aspect, InheritedTime, Key, Link, Meaning, Proposal, Proposals, Time, propose
from rdl.database.ingest import meanings
from rdl.database.schema import Column, Schema, Table
from rdl.database.staging import Staging, open_staging
from rdl.project import Project

log = logging.getLogger(__name__)

_SETTING = {Aspect.KEY: "key", Aspect.TIME: "time", Aspect.REFERENCE: "references"}
_OTHERS = 0.7  # confidence in a reference of a table whose references a person stated, and not this one


@dataclass(frozen=True)
class Overview:
    """A database at a glance.

    Attributes:
        schema: the tables as rdl reads them today: as stated, and as inferred of tables that nobody described.
        stated: what the settings and the source say of every table.
        proposals: what the rows say, whether it is in use, only accepted, or uncertain; nothing that the settings rule out.
    """

    schema: Schema
    stated: Mapping[str, Declared]
    proposals: Proposals

    def of(self, table: str, *, accepted: bool) -> list[Proposal]:
        """The proposals about one table, those that are accepted or those that are not."""
        return [p for p in (self.proposals.accepted if accepted else self.proposals.uncertain) if p.table == table]

    def in_use(self, proposal: Proposal) -> bool:
        """Whether rdl reads the table so today; else it would once the proposal is written down."""
        table, value = self.schema[proposal.table], proposal.value
        if isinstance(value, Key):
            return table.key == value.columns
        if isinstance(value, Time | InheritedTime):
            return table.time == value.column and (isinstance(value, InheritedTime) or value.cast is None)
        if isinstance(value, Link):
            return any(r.columns == value.columns and r.table == value.table for r in table.references)
        return isinstance(value, Meaning) and value.cast is None and table.column(value.column).semantic is value.semantic


def look_over(project: Project) -> Overview:
    """Open the project's source and say what it is.

    Raises:
        ProjectError, SchemaError, SqlError: the source, a declaration or a staging SELECT is wrong.
    """
    with open_staging(project) as staging:
        stated = declare(project, staging.relations, partial=True)
        log.info("database: looking at the columns of %d tables", len(stated))
        found = propose(staging.ask, staging.relations, stated)
        items = tuple(_worded(project, p) for p in found.items if not _ruled_out(project, p))
        proposals = replace(found, items=items)
        taken = {} if not project.database.infer else proposals.declared()
        inferred = {n: Declared(n) if described(project.tables.get(n)) else taken.get(n, Declared(n)) for n in stated}
        return Overview(Schema({n: _table(staging, stated[n], inferred[n]) for n in staging.relations}), stated, proposals)


def _ruled_out(project: Project, proposal: Proposal) -> bool:
    """Whether the settings say otherwise: another key, or `time = false`; a RelBench manifest says all there is to say."""
    settings = project.tables.get(proposal.table)
    if settings is None or proposal.confidence == 1:
        return False
    if proposal.aspect is Aspect.KEY:
        return settings.key is not None
    if proposal.aspect in {Aspect.TIME, Aspect.INHERITED_TIME}:
        return settings.time is not None or bool(project.relbench)
    return proposal.aspect is Aspect.REFERENCE and bool(project.relbench)


def _worded(project: Project, proposal: Proposal) -> Proposal:
    """The proposal; less sure where it is a reference beside those that a person stated, and with its origin where it is sure."""
    settings = project.tables.get(proposal.table)
    aspect = _SETTING.get(proposal.aspect)
    if proposal.confidence == 1 and aspect and (settings is None or getattr(settings, aspect) is None):
        return replace(proposal, evidence="declared by the source")
    closed = settings is not None and settings.references is not None and _OTHERS < proposal.confidence < 1
    if proposal.aspect is not Aspect.REFERENCE or not closed:
        return proposal
    told = f"{proposal.evidence}; but the settings state the references of {proposal.table}, and not this one"
    return replace(proposal, confidence=_OTHERS, evidence=told)


def _table(staging: Staging, stated: Declared, inferred: Declared) -> Table:
    relation = staging.relations[stated.name]
    rows = staging.ask(f"SELECT count(*) FROM {relation.sql}")[0][0]
    types = {**meanings(staging.ask, relation.sql, relation.types), **stated.types}
    columns = tuple(Column(column, types[column], kind) for column, kind in relation.types.items())
    known = {reference.columns for reference in stated.references}
    references = (*stated.references, *(r for r in inferred.references if r.columns not in known))
    time = stated.time or inferred.time
    return Table(stated.name, stated.key or inferred.key, time, stated.lag, references, columns, rows, stated.hide)
