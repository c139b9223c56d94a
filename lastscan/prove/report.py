"""What all combinations came to: for people, and as the document that scripts rely on."""

import os
import platform
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lastscan.broker.choice import find_mosquitto
from lastscan.prove.run import Figures

_SUMMED = ("beeped", "committed", "lost", "doubled", "invented")


def document(runs: Sequence[Figures], *, seed: int, seconds: float, left_out: Sequence[str]) -> dict[str, Any]:
    """The keys of `docs/proving.md`; each combination's own figures are below `combinations`."""
    faults = sum((Counter(run.faults) for run in runs), Counter[str]())
    return {
        **{key: sum(getattr(run, key) for run in runs) for key in _SUMMED},
        "faults": dict(sorted(faults.items())),
        "faults_total": faults.total(),
        "recovery_s_max": max((took for run in runs for took in run.recovery_s), default=0.0),
        "control": {
            "beeped": sum(run.control_beeped for run in runs),
            "lost": sum(run.control_lost for run in runs),
            "lost_acknowledged": sum(run.control_lost_acknowledged for run in runs),
            "doubled": sum(run.control_doubled for run in runs),
        },
        "broken": broken(runs),
        "seed": seed,
        "seconds": round(seconds, 1),
        "commit": _commit(),
        "machine": _machine(),
        "versions": _versions(runs),
        "left_out": list(left_out),
        "combinations": [asdict(run) for run in runs],
    }


def broken(runs: Sequence[Figures]) -> list[str]:
    """The promises shown broken; and what makes the whole run prove nothing."""
    sentences = [sentence for run in runs for sentence in run.broken]
    if not sum(run.control_lost for run in runs):
        sentences.append("the control lost nothing: these faults were too few to prove anything, give it more minutes")
    return sentences


def lines(found: dict[str, Any]) -> Iterator[str]:
    """The document for people."""
    yield f"seed {found['seed']}, commit {found['commit']}, {found['seconds']} s"
    yield found["machine"]
    yield ", ".join(found["versions"])
    for run in found["combinations"]:
        yield f"\n{run['database']} and {run['broker']}, {run['seconds']} s"
        yield (
            f"  beeped {run['beeped']}, committed {run['committed']}:"
            f" lost {run['lost']}, doubled {run['doubled']}, invented {run['invented']}"
        )
        yield f"  killed before the beep, and committed: {run['unheard']}; refused, and not kept: {run['refused']}"
        yield f"  faults {sum(run['faults'].values())}: {_counted(run['faults'])}"
        if run["not_seen"]:
            yield f"  begun, and not seen to happen, so not counted: {_counted(run['not_seen'])}"
        yield (
            f"  beep to receipt p50 {run['wait_p50_s']} s, p99 {run['wait_p99_s']} s, max {run['wait_max_s']} s;"
            f" recovery {run['recovery_s']} s; deepest journal {run['deepest_journal']}"
        )
        yield f"  peak MiB: {', '.join(f'{name} {mib}' for name, mib in run['peak_mib'].items())}"
        yield (
            f"  database: {run['integrity']}; commits refused {run['commits_refused']};"
            f" in quarantine: {_counted(run['set_aside']) or 'nothing'}"
        )
        yield (
            f"  control: beeped {run['control_beeped']}, lost {run['control_lost']}"
            f" ({run['control_lost_acknowledged']} of them acknowledged by the broker,"
            f" {run['control_lost_afterwards']} beeped after the last fault),"
            f" doubled {run['control_doubled']}"
        )
    for missing in found["left_out"]:
        yield f"\nnot run: {missing}"
    yield (
        f"\nall: beeped {found['beeped']}, lost {found['lost']}, doubled {found['doubled']},"
        f" invented {found['invented']}, faults {found['faults_total']}, longest recovery {found['recovery_s_max']} s;"
        f" control lost {found['control']['lost']} of {found['control']['beeped']}"
    )


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


def _commit() -> str:
    here = Path(__file__).parent
    said = subprocess.run(
        ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=10"],
        capture_output=True,
        text=True,
        check=False,
    )
    return said.stdout.strip() or f"version {version('lastscan')}"


def _machine() -> str:
    return f"{platform.system()} {platform.release()}, {len(os.sched_getaffinity(0))} cores, {_processor()}"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _versions(runs: Sequence[Figures]) -> list[str]:
    found = [f"Python {platform.python_version()}", *sorted({run.version for run in runs})]
    found += [f"paho-mqtt {version('paho-mqtt')}", f"amqtt {version('amqtt')}"]
    program = find_mosquitto()
    if program is not None:
        said = subprocess.run([program, "-h"], capture_output=True, text=True, check=False).stdout
        found.append(said.partition("\n")[0])
    return found
