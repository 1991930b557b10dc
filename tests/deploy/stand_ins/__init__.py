"""Makes the stand-in images, once: they stay in the engine's store in `.cache/engine` until their parts change."""

import hashlib
import shutil
import subprocess
import threading
from pathlib import Path

from deploy.stack.containers import KAFKA_IMAGE, MONGO_IMAGE
from deploy.stack.kafka_jars import find_kafka_jars
from deploy.stack.programs import find_mongod
from tests.deploy.engine import CACHE, Engine

HERE = Path(__file__).resolve().parent
PYTHON_IMAGE = "python:3.11-slim-bookworm"
IMAGES = {
    "python": PYTHON_IMAGE,
    "mongo": MONGO_IMAGE,
    "kafka": KAFKA_IMAGE,
    "prometheus": "prom/prometheus:v3.5.0",
    "grafana": "grafana/grafana:12.1.0",
}
_LABEL = "pathbound.stand-in"
_BASE = CACHE / "base.tar"
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
_BUILD_DEADLINE_S = 600


def make_stand_ins(engine: Engine) -> None:
    """Make those that are missing or stale."""
    parts = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(HERE.iterdir()) if path.is_file()))
    wanted = parts.hexdigest()[:16]
    present = engine.docker("images", "--filter", f"label={_LABEL}={wanted}", "--format", "{{.Repository}}:{{.Tag}}")
    missing = {target: name for target, name in IMAGES.items() if name not in present.split()}
    if not missing:
        return
    context = _context()
    for target, name in missing.items():
        engine.docker(
            "build", "--quiet", "--network", "host", "--target", target, "--label", f"{_LABEL}={wanted}",
            "--tag", name, context, timeout=_BUILD_DEADLINE_S,
        )  # fmt: skip


def _context() -> Path:
    context = CACHE / "stand-ins"
    shutil.rmtree(context, ignore_errors=True)
    shutil.copytree(HERE, context, ignore=shutil.ignore_patterns("__pycache__"))
    if not _BASE.exists():
        unfinished = _BASE.with_suffix(".unfinished.tar")
        packages = "python3-minimal,python3-venv,ca-certificates"
        subprocess.run(
            ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={packages}", "bookworm", unfinished],
            check=True, timeout=_BUILD_DEADLINE_S,
        )  # fmt: skip
        unfinished.rename(_BASE)
    (context / "base.tar").hardlink_to(_BASE)
    shutil.copy(_CERTIFICATES, context)
    shutil.copy(find_mongod()[0], context / "mongod")
    jars = find_kafka_jars(CACHE, print, threading.Event())
    shutil.copytree(jars, context / "jars")
    return context
