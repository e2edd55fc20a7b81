"""What a feature family is: it proposes features for a block, and knows the SQL of each."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rdl.database import Schema
from rdl.features.plan import Block, Feature, PlanSettings
from rdl.features.survey import Survey
from rdl.features.uses import Uses


@dataclass(frozen=True)
class Context:
    """A block and what a proposer may consult about it."""

    block: Block
    settings: PlanSettings
    schema: Schema
    survey: Survey

    def feature(self, proposer: str, suffix: str, aggregate: str, says: str, **facts: object) -> Feature:
        """A feature of the block, named `block.suffix`, counted under the block's family where it has one."""
        return Feature(
            name=f"{self.block.name}.{suffix}",
            family=self.block.family or proposer,
            proposer=proposer,
            aggregate=aggregate,
            block=self.block.name,
            provenance=f"{says} [{self.block.name}]",
            **facts,  # type: ignore[arg-type]
        )


@dataclass(frozen=True)
class Family:
    """One family.

    Attributes:
        name: as in `PlanSettings.families`.
        propose: the features of one block; nothing where the family has nothing to say about it.
        sql: the SQL of one of its features over the aliases of `Uses`.
        measures: the block's measures that a feature reads; by default its own.
    """

    name: str
    propose: Callable[[Context], Iterator[Feature]]
    sql: Callable[[Feature, Uses], str]
    measures: Callable[[Feature, Block], Sequence[int]] = lambda feature, _: () if feature.measure < 0 else (feature.measure,)
