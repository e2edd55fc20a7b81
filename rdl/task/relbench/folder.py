"""Where a project's RelBench folder lies: the project itself, or the one that its `relbench://` source names."""

from dataclasses import dataclass
from pathlib import Path

from rdl.database.sources.hub import SCHEME, relbench_folder
from rdl.errors import TaskError, nearest
from rdl.project import Project, RelbenchSplits, open_project
from rdl.task.relbench.manifest import TaskManifest, read_manifest


@dataclass(frozen=True)
class RelbenchFolder:
    """A RelBench v3 folder and the dates of its manifest."""

    root: Path
    splits: RelbenchSplits

    @property
    def manifests(self) -> list[Path]:
        """The manifests of its tasks."""
        return sorted(self.root.glob("tasks/*/manifest.yaml"))

    def task(self, name: str) -> TaskManifest:
        """What the manifest of one task says.

        Raises:
            TaskError: there is no such task, or its manifest is wrong.
        """
        path = self.root / "tasks" / name / "manifest.yaml"
        if path not in self.manifests:
            raise TaskError(f"no task {name!r}", where=str(self.root), fix=nearest(name, [p.parent.name for p in self.manifests]))
        return read_manifest(path)


def find_folder(project: Project) -> RelbenchFolder | None:
    """The project's RelBench folder; None where it has none.

    Raises:
        ProjectError: a `relbench://` source cannot be had.
    """
    if project.relbench is not None:
        return RelbenchFolder(project.root, project.relbench)
    if not project.database.source.startswith(SCHEME):
        return None
    root = relbench_folder(project.database.source, project)
    splits = open_project(root, project.home).relbench
    return None if splits is None else RelbenchFolder(root, splits)
