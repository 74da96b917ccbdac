"""The template python3-pool, without Docker: what its image would hold is put together here and run."""

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

import pytest

from host import DEADLINE, ROOT, worker

TEMPLATE = ROOT.parent.parent / "template" / "python3-pool"
DOCKERFILE = (TEMPLATE / "Dockerfile").read_text(encoding="utf-8")


def files(folder):
    """The content of all files below a folder, but for what Python has compiled."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def instruction(pattern):
    """What follows in the one line of the Dockerfile that begins so."""
    (found,) = re.findall("(?m)^%s(.*)$" % pattern, DOCKERFILE)
    return found


@pytest.fixture
def home(tmp_path):
    """The folder /home/app of an image, as faas-cli and the Dockerfile would make it."""
    home = tmp_path / "app"
    shutil.copytree(TEMPLATE, home, ignore=shutil.ignore_patterns("__pycache__"))
    (home / "function" / "__init__.py").touch()
    return home


def start(home, **options):
    """Starts the worker with the command of the image."""
    program, *arguments = shlex.split(shlex.split(instruction("ENV fprocess="))[0])
    assert program == "python"
    # Only the image's own copy of the package may be found.
    return worker([home / argument for argument in arguments], env={"PYTHONPATH": "", **options})


def test_the_template_carries_this_package():
    assert files(TEMPLATE / "fwatchdog") == files(ROOT / "src" / "fwatchdog"), "run sdk/python/copy-to-template.sh"


def test_the_template_can_be_copied_as_it_is():
    assert not [path for path in TEMPLATE.rglob("*") if path.is_symlink()]


def test_the_image_starts_what_the_template_says():
    settings = (TEMPLATE / "template.yml").read_text(encoding="utf-8")

    (fprocess,) = re.findall("(?m)^fprocess: (.*)$", settings)
    assert [fprocess] == shlex.split(instruction("ENV fprocess="))
    assert re.findall("(?m)^language: (.*)$", settings) == [TEMPLATE.name]
    assert instruction("CMD ") == '["fwatchdog"]'
    assert instruction("HEALTHCHECK ") == "--interval=3s CMD [ -e /tmp/.lock ] || exit 1"


def test_the_build_arguments_of_the_original_templates_go_on_working():
    declared = set(re.findall("(?m)^ARG ([A-Z_]+)", DOCKERFILE)) | set(re.findall(r"\$\{(TARGETPLATFORM)", DOCKERFILE))

    assert declared == {
        "FWATCHDOG_IMAGE", "PYTHON_VERSION", "TARGETPLATFORM", "UPGRADE_PACKAGES", "ADDITIONAL_PACKAGE",
        "TEST_ENABLED", "TEST_COMMAND",
    }  # fmt: skip
    assert all("${%s" % name in DOCKERFILE for name in declared)


def test_all_that_the_image_copies_is_there(home):
    sources = [line.split()[-2] for line in DOCKERFILE.splitlines() if line.startswith("COPY --chown=app")]

    assert {"index.py", "requirements.txt", "function", "fwatchdog"} <= set(sources)
    assert all((home / source).exists() for source in sources)


def test_the_function_of_the_template_answers(home):
    with start(home) as host:
        exchange = host.call(1, "/", method="GET")

        assert (exchange.status, exchange.body) == (200, b"Hello from fwatchdog!")


def test_a_function_of_ones_own_takes_its_place(home):
    (home / "function" / "handler.py").write_text("def handle(req):\n    print(req[::-1])\n")

    with start(home, handler_style="classic") as host:
        assert host.call(1, "/", b"abc").body == b"cba\n"


def run_tests(home):
    """Runs what the image's build runs, and returns its status."""
    (command,) = shlex.split(instruction("ARG TEST_COMMAND="))
    path = os.pathsep.join([str(pathlib.Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "TEST_COMMAND": command}
    run = ["sh", "-c", 'eval "${TEST_COMMAND}"']
    return subprocess.run(run, cwd=home / "function", env=environment, timeout=DEADLINE, capture_output=True).returncode


def test_the_build_runs_the_tests_of_the_function(home):
    assert run_tests(home) == 0

    (home / "function" / "handler.py").write_text("def handle():\n    return 'broken'\n")
    assert run_tests(home) != 0


def test_the_build_takes_a_function_without_tests(home):
    (home / "function" / "test_handler.py").unlink()

    assert run_tests(home) == 0
