"""The sacred commands: what `dev` decides, without a network and without installing anything."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def dev() -> ModuleType:
    """The file `dev` as a module of its own, so that a test may bend it."""
    loader = SourceFileLoader("dev_under_test", str(ROOT / "dev"))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.fixture
def tree(dev: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree of its own, with a blank in its name, that `dev` takes for the project."""
    root = tmp_path / "my parcels"
    root.mkdir()
    for name in ("pyproject.toml", "constraints.txt", "constraints-dev.txt", "dev"):
        shutil.copy(ROOT / name, root)
    venv = root / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(sys.executable)
    (venv / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
    (venv / "pyvenv.cfg").write_text(f"version = {dev.python_version()}\n")
    for name, value in {"ROOT": root, "VENV": venv, "LOGS": root / ".dev", "STAMP": venv / "stamp"}.items():
        monkeypatch.setattr(dev, name, value)
    return root


def stamp(dev: ModuleType, bundle: str) -> None:
    dev.STAMP.write_text(
        dev.json.dumps({"bundle": bundle, "fingerprint": dev.fingerprint(bundle), "root": str(dev.ROOT)})
    )


# --- An old Python hears what is wrong ----------------------------------------------------------------------


def test_an_old_python_can_read_the_file_that_tells_it_so():
    ast.parse((ROOT / "dev").read_text(), feature_version=(3, 8))


def test_without_a_newer_python_one_line_says_what_to_do(dev, monkeypatch):
    monkeypatch.setattr(dev.shutil, "which", lambda *_, **__: None)
    with pytest.raises(dev.Stop, match=r"needs 3\.11 or later: .+") as end:
        dev.go_on_with_a_newer_python(["up"])
    assert end.value.code == 69
    assert "\n" not in str(end.value)


def test_a_newer_python_on_the_path_takes_over(dev, monkeypatch):
    started = []
    monkeypatch.setattr(dev.shutil, "which", {"python3.12": "/opt/python3.12"}.get)
    monkeypatch.setattr(dev, "answer_of", lambda command: "works")
    monkeypatch.setattr(dev.os, "execv", lambda path, argv: started.append((path, argv[2:])) or sys.exit(0))
    with pytest.raises(SystemExit):
        dev.go_on_with_a_newer_python(["up", "--port", "0"])
    assert started == [("/opt/python3.12", ["up", "--port", "0"])]


# --- Pins ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bundle", ["run", "dev"])
def test_everything_asked_for_is_pinned(dev, bundle):
    dev.refuse_a_stale_lock(bundle)


def test_a_dependency_nobody_pinned_stops_the_set_up(dev, tree):
    project = tree / "pyproject.toml"
    asking = project.read_text().replace("dependencies = [", 'dependencies = ["Pigeon_Post>=1",', 1)
    project.write_text(asking)
    with pytest.raises(dev.Stop, match=r"does not pin pigeon-post: run python3 dev lock"):
        dev.refuse_a_stale_lock("run")


def test_both_files_pin_the_same_versions():
    pins = [
        dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / name).read_text(), re.MULTILINE))
        for name in ("constraints.txt", "constraints-dev.txt")
    ]
    assert pins[0].items() <= pins[1].items()


@pytest.mark.parametrize("name", ["constraints.txt", "constraints-dev.txt"])
def test_pins_have_hashes_and_name_no_address(name):
    text = (ROOT / name).read_text()
    assert "://" not in text
    assert not re.search(r"^\s*--(?!hash=sha256:)", text, re.MULTILINE)
    for pin in re.split(r"^(?=\S+==)", text, flags=re.MULTILINE)[1:]:
        assert "--hash=sha256:" in pin


# --- When the environment is made again ---------------------------------------------------------------------


def test_the_second_start_does_nothing(dev, tree, monkeypatch):
    stamp(dev, "run")
    monkeypatch.setattr(dev, "fill", lambda *_: pytest.fail("nothing had changed"))
    dev.prepare("run", yes=False)


def test_who_has_tested_keeps_the_test_tools_when_starting(dev, tree, monkeypatch):
    stamp(dev, "dev")
    monkeypatch.setattr(dev, "fill", lambda *_: pytest.fail("`up` needs less than is there"))
    dev.prepare("run", yes=False)


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt", "dev"])
def test_a_change_in_what_we_depend_on_is_noticed(dev, tree, name):
    before = dev.fingerprint("run")
    with (tree / name).open("a") as file:
        file.write("\n# changed\n")
    assert dev.fingerprint("run") != before


def test_a_moved_tree_gets_a_new_environment(dev, tree):
    dev.remove_an_environment_we_cannot_keep({"root": "/somewhere/else"})
    assert not dev.VENV.exists()


def test_another_python_gets_a_new_environment(dev, tree):
    (dev.VENV / "pyvenv.cfg").write_text("version = 3.99.1\n")
    dev.remove_an_environment_we_cannot_keep({})
    assert not dev.VENV.exists()


def test_a_good_environment_is_kept_whoever_made_it(dev, tree):
    (dev.VENV / "pyvenv.cfg").write_text(f"uv = 0.10\nversion_info = {dev.python_version()}\n")
    dev.remove_an_environment_we_cannot_keep({})
    assert dev.VENV.exists()


# --- Linking the project ------------------------------------------------------------------------------------


def test_the_command_runs_from_a_tree_with_a_blank_in_its_name(dev, tree):
    dev.link_project()
    site = dev.VENV / "lib" / "python3.11" / "site-packages"
    assert (site / "lastscan.pth").read_text() == f"{tree}\n"
    (tree / "lastscan").mkdir()
    (tree / "lastscan" / "__init__.py").touch()
    (tree / "lastscan" / "cli.py").write_text("import sys\ndef main(): return len(sys.argv)\n")
    script = [str(dev.VENV / "bin" / "lastscan"), "track", "a b"]
    assert subprocess.run(script, env={**os.environ, "PYTHONPATH": str(tree)}, check=False).returncode == 3


def test_linking_twice_leaves_one_record_of_every_file_written(dev, tree):
    dev.link_project()
    dev.link_project()
    site = dev.VENV / "lib" / "python3.11" / "site-packages"
    (info,) = site.glob("lastscan-*.dist-info")
    recorded = [line.split(",")[0] for line in (info / "RECORD").read_text().splitlines()]
    assert all((site / name).exists() for name in recorded)
    assert {path.name for path in info.iterdir()} <= {Path(name).name for name in recorded}


def test_the_wheel_holds_every_package_and_the_command(tmp_path):
    """`dev` links the tree by hand; that others can still build and install it is proved here."""
    build = f"from hatchling.build import build_wheel; print(build_wheel({str(tmp_path)!r}))"
    subprocess.run([sys.executable, "-c", build], cwd=ROOT, check=True, capture_output=True, timeout=60)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    for package in ("tracker", "scanner", "notify", "web", "firmware_sim", "lastscan", "locales"):
        assert any(name.startswith(f"{package}/") for name in names)
    assert any(name.endswith("entry_points.txt") for name in names)


# --- Debian, and everybody else -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("root", "line"),
    [
        (True, "apt-get update && apt-get install -y --no-install-recommends libzbar0"),
        (False, "sudo apt-get update && sudo apt-get install -y --no-install-recommends libzbar0"),
    ],
)
def test_the_line_to_paste_works_as_it_stands(dev, monkeypatch, root, line):
    monkeypatch.setattr(dev, "is_root", lambda: root)
    monkeypatch.setattr(dev, "apt_lists_are_fresh", lambda: False)
    assert dev.apt_line(["libzbar0"]) == line


@pytest.mark.parametrize(
    ("root", "yes", "no_system", "allowed"),
    [(True, False, "", True), (False, False, "", False), (False, True, "", True), (True, True, "1", False)],
)
def test_sudo_is_used_only_when_told_so(dev, monkeypatch, root, yes, no_system, allowed):
    monkeypatch.setattr(dev, "is_root", lambda: root)
    monkeypatch.setattr(dev, "is_debian", lambda: True)
    monkeypatch.setattr(dev.shutil, "which", lambda *_, **__: "/usr/bin/sudo")
    monkeypatch.setenv("DEV_NO_SYSTEM", no_system)
    assert dev.may_install(yes) is allowed


def test_a_debian_package_that_cannot_be_had_stops_nobody(dev, tree, monkeypatch, capsys):
    (tree / ".dev").mkdir()
    (tree / ".dev" / "apt.log").touch()

    def no_network(packages: list[str], log_name: str) -> None:
        raise dev.StepFailed(tree / ".dev" / "apt.log", 100)

    monkeypatch.setattr(dev, "may_install", lambda yes: True)
    monkeypatch.setattr(dev, "apt_install", no_network)
    monkeypatch.setattr(dev.Part, "found", lambda part: None)
    parts = dev.SystemParts("run", yes=False)
    parts.wait()
    parts.say_what_is_missing()
    assert "without zbar (second barcode reader): zxing-cpp reads alone" in capsys.readouterr().err


# --- Words and exit codes -----------------------------------------------------------------------------------


def test_an_unknown_word_is_a_usage_error(dev, capsys):
    assert dev.reported(["fly"]) == 2
    assert "up" in capsys.readouterr().err


def test_a_tool_that_fails_shows_its_last_words_and_where_the_rest_is(dev, tree, capsys):
    def failing(args: list[str], yes: bool) -> int:
        dev.tool("packages", ["sh", "-c", "seq 1 100; echo no such host; exit 3"])
        return 0

    dev.COMMANDS["setup"] = failing
    assert dev.reported(["setup"]) == 69
    said = capsys.readouterr().err
    assert "no such host" in said
    assert "\n70\n" not in said
    assert "packages.log" in said


def test_one_failing_check_does_not_hide_the_others(dev, tree, monkeypatch, capsys):
    monkeypatch.setattr(dev, "prepare", lambda *_: None)
    monkeypatch.setenv("DEV_NO_SYSTEM", "1")
    ran = []
    monkeypatch.setattr(dev, "run_of_the_environment", lambda command: ran.append(command) or command[0] == "ruff")
    assert dev.test(["-k", "bag"], yes=False) == 1
    assert [command[0] for command in ran] == ["ruff", "ruff", "mypy", "mypy", "lint-imports", "pytest"]
    assert ran[-1][-2:] == ("-k", "bag")
    assert "FAILED: lint" in capsys.readouterr().out


# --- What was not run ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ci", "outcome", "code"), [("", "1 passed, 2 skipped", 0), ("true", "1 passed, 2 errors", 1)])
def test_what_a_machine_lacks_is_counted_and_in_ci_fails(tmp_path, ci, outcome, code):
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    (tmp_path / "test_pages.py").write_text(
        "import pytest\n"
        "@pytest.mark.needs_chromium\ndef test_by_marker(): pass\n"
        "def test_by_fixture(chromium_path): pass\n"
        "def test_of_nothing(): pass\n"
    )
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "1", "-p", "no:cacheprovider", "."],
        cwd=tmp_path, env={**os.environ, "CI": ci, "LASTSCAN_TEST_WITHOUT": "chromium"},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert "not run: 2 browser tests — chromium missing — apt-get install chromium" in ran.stdout
    assert outcome in ran.stdout
    assert ran.returncode == code


@pytest.mark.needs_postgres
def test_every_database_asked_for_is_new(new_postgres_url):
    import sqlalchemy

    for url in (new_postgres_url(), new_postgres_url()):
        engine = sqlalchemy.create_engine(url)
        with engine.begin() as db:
            db.execute(sqlalchemy.text("CREATE TABLE bags (number text)"))
        engine.dispose()


# --- The page about it --------------------------------------------------------------------------------------


def test_every_command_and_every_system_part_is_explained(dev):
    page = (ROOT / "docs" / "setup.md").read_text()
    for command in dev.COMMANDS:
        assert f"| `python3 dev {command}` |" in page
    for part in dev.PARTS:
        assert f"| {part.name} | `{part.package}` | {part.purpose} |" in page
