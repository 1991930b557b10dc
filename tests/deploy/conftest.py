"""One engine, the stand-ins and our image, for all tests of what ships."""

from collections.abc import Iterator

import pytest

from tests.deploy.engine import Engine
from tests.deploy.stand_ins import make_stand_ins
from tests.support.programs import ROOT

IMAGE = "pathbound-contacts:test"
_BUILD_DEADLINE_S = 600


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """The engine, with the stand-ins under their public names."""
    engine = Engine()
    try:
        make_stand_ins(engine)
        yield engine
    finally:
        engine.stop()


@pytest.fixture(scope="session")
def image(engine: Engine) -> str:
    """Our image, built as the Dockerfile says."""
    return build(engine, IMAGE)


def build(engine: Engine, name: str, *options: str) -> str:
    """Build the image under `name`, which is returned."""
    engine.docker(
        "build", "--network", "host", "--file", "deploy/Dockerfile", "--build-arg", "REVISION=abc123", "--tag", name,
        *options, ROOT, timeout=_BUILD_DEADLINE_S,
    )  # fmt: skip
    return name
