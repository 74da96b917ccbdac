import pytest

import host as hosts


@pytest.fixture(params=[1, 16], ids=["one thread", "16 threads"])
def host(request):
    """The conformance function, ready, in both ways to run handlers."""
    with hosts.worker(concurrency=request.param) as started:
        yield started


@pytest.fixture
def program(tmp_path):
    """Writes a function and returns the arguments to start it."""

    def write(source):
        path = tmp_path / "index.py"
        path.write_text(source, encoding="utf-8")
        return (path,)

    return write
