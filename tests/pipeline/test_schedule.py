"""What schedulers are given, read back as they would read it."""

import shlex
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from rdl.errors import UsageError
from rdl.pipeline.schedule import Every, crontab, kubernetes, schedule, systemd

FOLDER = Path("/srv/our shop/100%")
PLAIN = schedule("nightly", "nightly.toml", "02:15", Every.DAY, Path("/tmp"))
CRON = {Every.HOUR: "15 * * * *", Every.DAY: "15 2 * * *", Every.WEEK: "15 2 * * 1", Every.MONTH: "15 2 1 * *"}


@pytest.mark.parametrize("every", Every)
def test__crontab__five_fields_and_a_command_the_shell_reads(every):
    when = schedule("nightly", "it's.toml", "2:15", every, FOLDER)
    (text,) = crontab(when).values()
    comment, zone, line = text.splitlines()
    assert (comment[0], zone) == ("#", "CRON_TZ=UTC")
    fields, command = line.split("  ", 1)
    assert fields == CRON[every]
    assert "%" not in command.replace(r"\%", ""), "to cron a bare % is a line break"
    words = shlex.split(command.replace(r"\%", "%"))
    assert words[:3] == ["cd", str(FOLDER), "&&"]
    assert words[-6:] == ["run", "it's.toml", "--json", ">>", "nightly.log", "2>&1"]


@pytest.mark.parametrize("every", Every)
def test__systemd__units_are_verified_by_systemd(tmp_path, every):
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("systemd-analyze is not installed")
    when = schedule("nightly", "it's $5 of 100%.toml", "02:15", every, tmp_path)
    files = systemd(when)
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    said = subprocess.run(
        [tool, "verify", "--man=no", *(tmp_path / name for name in files)], capture_output=True, text=True, check=False
    )
    assert (said.returncode, said.stderr) == (0, ""), said.stderr
    dates = subprocess.run([tool, "calendar", when.calendar], capture_output=True, text=True, check=False)
    assert dates.returncode == 0, dates.stderr
    assert ":15:00 UTC" in dates.stdout


def test__kubernetes__cron_job_is_whole():
    (text,) = kubernetes(replace(PLAIN, name="Nightly.Shop_1", folder=FOLDER), "registry/rdl:1", "shop").values()
    manifest = yaml.safe_load(text)
    assert (manifest["apiVersion"], manifest["kind"]) == ("batch/v1", "CronJob")
    assert manifest["metadata"]["name"] == "rdl-nightly-shop-1"
    spec = manifest["spec"]
    assert (spec["schedule"], spec["timeZone"], spec["concurrencyPolicy"]) == ("15 2 * * *", "Etc/UTC", "Forbid")
    pod = spec["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["command"] == ["rdl", "run", "nightly.toml", "--json"]
    assert container["workingDir"] == container["volumeMounts"][0]["mountPath"] == str(FOLDER)
    assert pod["volumes"] == [{"name": container["volumeMounts"][0]["name"], "persistentVolumeClaim": {"claimName": "shop"}}]
    rule = spec["jobTemplate"]["spec"]["podFailurePolicy"]["rules"][0]
    assert (pod["restartPolicy"], rule["onExitCodes"]["containerName"]) == ("Never", container["name"])


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=20).filter(lambda s: "/" not in s))
def test__any_pipeline_name__reaches_the_command_as_it_is(word):
    when = replace(PLAIN, pipeline=word)
    assert yaml.safe_load(kubernetes(when, "i", "c")["nightly.yaml"])["spec"]["jobTemplate"]["spec"]["template"]["spec"][
        "containers"
    ][0]["command"] == ["rdl", "run", word, "--json"]
    line = crontab(when)["nightly.cron"].splitlines()[2].replace(r"\%", "%")
    if "\\" not in word:
        assert word in shlex.split(line)


@pytest.mark.parametrize("at", ["25:00", "2", "02:60", "2:5", ""])
def test__schedule__no_time_of_day__refused(at):
    with pytest.raises(UsageError, match="not a time of the day"):
        schedule("x", "x.toml", at, Every.DAY, FOLDER)
