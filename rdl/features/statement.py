"""The SQL of one feature, as it is run: for whoever wants to know what exactly a name in the plan counts."""

from rdl.errors import UsageError, nearest
from rdl.features.compile import compile_block
from rdl.features.plan import Feature, FeaturePlan


def feature_sql(plan: FeaturePlan, name: str) -> str:
    """The statements that compute one feature, with its provenance as a comment.

    They read `feature_points(_point, key, as_of)`, the keys and moments asked about, and past labels from
    `feature_history(_row, entity, cutoff, time, value)`; labels of those who were alike read from `feature_alike(row, code)` which
    of them had which value. A difference is told by the statements of both its operands; the calendar needs
    none.

    Raises:
        UsageError: the plan has no such feature.
    """
    found = {f.name: f for f in plan.features}
    if name not in found:
        raise UsageError(f"the plan has no feature {name!r}", where="--sql", fix=nearest(name, found))
    feature = found[name]
    said = f"-- {feature.name}: {feature.provenance}"
    if feature.operands:
        return "\n\n".join((said, *(feature_sql(plan, operand) for operand in feature.operands)))
    if not feature.block:
        return f"{said}\n-- computed from the cutoff alone"
    return f"{said}\n{_statements(plan, feature)}"


def _statements(plan: FeaturePlan, feature: Feature) -> str:
    block = next(b for b in plan.blocks if b.name == feature.block)
    compiled = compile_block(block, (feature,), plan.settings.half_lives, plan.settings.recent)
    return ";\n\n".join(s.strip() for s in (*compiled.script, compiled.values)) + ";"
