"""Manifests as RelBench writes them: keys in their order, SQL as a readable block."""

from pathlib import Path
from typing import Any

import yaml


class _Dumper(yaml.SafeDumper):
    """Text of several lines as a block, which YAML allows where no line ends in a blank."""


def _text(dumper: yaml.SafeDumper, value: str) -> Any:
    if "\n" not in value:
        return dumper.represent_scalar("tag:yaml.org,2002:str", value)
    block = "\n".join(line.rstrip().expandtabs(4) for line in value.strip("\n").splitlines())
    return dumper.represent_scalar("tag:yaml.org,2002:str", block, style="|")


_Dumper.add_representer(str, _text)


def write_yaml(path: Path, facts: dict[str, Any]) -> None:
    """Write `facts` to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = yaml.dump(facts, Dumper=_Dumper, sort_keys=False, default_flow_style=False, allow_unicode=True, width=4096)
    path.write_text(text, encoding="utf-8")
