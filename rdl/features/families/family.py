"""What a feature family is: it proposes features for a block, and knows the SQL of each."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rdl.database import Schema
from rdl.features.chain import timed
from rdl.features.plan import Anchor, Block, Feature, PlanSettings
from rdl.features.proposing.rhythm import rhythmic
from rdl.features.proposing.survey import Survey
from rdl.features.proposing.words import Speaker, measured
from rdl.features.uses import Uses


@dataclass(frozen=True)
class Context:
    """A block and what a proposer may consult about it.

    Attributes:
        speaker: tells which rows the block reads.
        lean: whether the block says little that a nearer one does not, or has very many columns: only its main features are worth
            proposing.
    """

    block: Block
    settings: PlanSettings
    schema: Schema
    survey: Survey
    speaker: Speaker
    lean: bool = False

    @property
    def rows(self) -> str:
        """The block's rows in words."""
        return self.speaker.rows(self.block)

    @property
    def windows(self) -> tuple[int, ...]:
        """Time windows over the rows, shortest first, after the horizon and the rows' own rhythm."""
        gap = self.survey.gaps.get(self.block.facts, 0) if self.block.facts else 0
        return rhythmic(self.settings.windows, gap)

    @property
    def long(self) -> tuple[int, ...]:
        """A long time window, and all history."""
        return (self.settings.windows[-2:][0], 0) if self.timed else (0,)

    @property
    def mine(self) -> bool:
        """Whether the rows are the entity's own, below it or of its past labels."""
        return self.block.anchor is Anchor.SELF and not (self.block.facts and not self.block.facts.hops)

    @property
    def timed(self) -> bool:
        """Whether the rows have an order in time; what has none knows no windows, gaps or sequences."""
        return self.block.facts is None or timed(self.schema, self.block.facts)

    def told(self, stat: str, measure: int, rows: str | None = None) -> str:
        """A statistic of one of the block's measures in words."""
        return measured(stat, self.block.measures[measure], self.rows if rows is None else rows)

    def feature(self, proposer: str, suffix: str, aggregate: str, says: str, **facts: object) -> Feature:
        """A feature of the block, named `block.suffix`, counted under the block's family where it has one."""
        return Feature(
            name=f"{self.block.name}.{suffix}",
            family=self.block.family or proposer,
            proposer=proposer,
            aggregate=aggregate,
            block=self.block.name,
            provenance=says,
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
