"""The report page in a real browser: what a reader sees, at the width of a screen and of a phone."""

import re
import shutil
import subprocess
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from rdl.database import Database
from rdl.evaluate import AtCutoff, Evaluation, Regime, write_report
from rdl.model import Model, fit_model
from rdl.task import Kind, Task, find_task
from tests.evaluate.examples import example
from tests.model.world import CUTOFF, TREES, tables, write

WIDTHS = (1280, 500)  # Chromium draws no window narrower than that
MEASURE = """<script>
const wide = [...document.querySelectorAll('body *')].filter(e =>
  e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('table, .picture, figure svg, details:not([open])'));
document.body.dataset.page = document.documentElement.scrollWidth + ' of ' + innerWidth;
document.body.dataset.wide = wide.map(e => e.tagName).join(' ');
document.body.dataset.images = [...document.images].every(i => i.complete && i.naturalWidth > 0);
document.body.dataset.asked = performance.getEntriesByType('resource').filter(r => !r.name.startsWith('data:')).length;
</script>"""

_CHANGE = "Calibration, which was fitted before the test date, takes the error from"
CALIBRATION = {
    Kind.BINARY: ("Probabilities are", "points off on average (expected calibration error)", _CHANGE, "before calibration"),
    Kind.MULTICLASS: ("Probabilities of the likeliest class are", _CHANGE, "Reliability of classes"),
    Kind.MULTILABEL: ("Probabilities of the labels are", _CHANGE, "Reliability of labels"),
    Kind.REGRESSION: ("Intervals by level", "promised held rows mean width 50 %"),
    Kind.RECOMMENDATION: (),
}
"""What a reader finds of calibration."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return write(tmp_path_factory.mktemp("page") / "p", tables())


@pytest.fixture(scope="module")
def task(world: Database) -> Task:
    return find_task(world, "active")


def browse(page: Path, width: int, *flags: str) -> str:
    """The page as Chromium shows it, as HTML, or a skip that says what is missing."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("Chromium is not installed: no chromium in PATH")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--window-size={width},1000"]
    profile = [f"--user-data-dir={page.parent / 'profile'}", "--virtual-time-budget=2000"]
    done = subprocess.run([*command, *profile, *flags, page.as_uri()], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def told(task: Task, kind: Kind) -> tuple[Task, list[Evaluation]]:
    """The three regimes of a kind, at twelve cutoffs."""
    question, found = example(task, kind)
    rows = tuple(AtCutoff(f"2025-{month:02d}-11", 4, 0.5, 0.4 + month / 50, 0.6 - month / 50) for month in range(1, 13))
    weak = {name: value * 0.8 for name, value in found.metrics["features"].items()}
    metrics = {"entity": weak, **found.metrics}
    whole = replace(found, by_cutoff=rows, metrics=metrics, importance={"orders.amount.sum.90d": 0.6, "a" * 90: 0.4})
    return question, [replace(whole, regime=regime) for regime in Regime]


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", list(Kind))
def test__page__any_kind__is_whole_and_fits(world: Database, task: Task, kind: Kind, tmp_path: Path) -> None:
    question, found = told(task, kind)
    page = tmp_path / "report.html"
    write_report(page, world, question, found, lineage={"rdl.snapshot": world.fingerprint, "run": "f" * 64})
    assert not re.search(r"""(src|href)=["'](?!data:)|url\(|@import|<script""", page.read_text())
    measured = tmp_path / "measured.html"
    measured.write_text(page.read_text().replace("</body>", f"{MEASURE}</body>"))
    for width in WIDTHS:
        html = browse(measured, width, "--dump-dom")
        facts = dict(re.findall(r'data-(page|wide|images|asked)="([^"]*)"', html))
        assert facts == {"page": f"{width} of {width}", "wide": "", "images": "true", "asked": "0"}, width
    text = unescape(re.sub(r"<style>.*?</style>|<script>.*?</script>|<[^>]+>", " ", html, flags=re.DOTALL))
    for heading in (
        "Verdict",
        "Side by side",
        "Regime frozen",
        "Regime fresh",
        "Regime rolling",
        "What mattered",
        "The data",
        "Lineage",
    ):
        assert heading in text
    assert "Mean label and mean prediction by cutoff" in text
    for words in CALIBRATION[kind]:
        assert words in " ".join(text.split())
    assert ("Calibration: what was said" in text) == bool(CALIBRATION[kind])
    assert "entity (baseline)" in " ".join(text.split())
    assert world.fingerprint in text
    assert " nan" not in text.lower()


@pytest.mark.slow
def test__page__of_a_model__tells_members_and_features_in_words(world: Database, task: Task, tmp_path: Path) -> None:
    model: Model = fit_model(world, task, CUTOFF, TREES)
    write_report(tmp_path / "report.html", world, task, (), model=model, lineage={"rdl.task": "active"})
    html = browse(tmp_path / "report.html", 1280, "--dump-dom", f"--screenshot={tmp_path / 'page.png'}")
    text = " ".join(unescape(re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL)).split())
    assert "No backtest was run" in text
    assert "labels that were mature as of 2025-05-11" in text
    assert "loss out of fold" in text
    top = next(iter(model.importance()))
    said = {feature.name: feature.provenance for feature in model.plan.features}
    assert top in text
    assert said[top] in text
