"""`python -m tests.deploy COMMAND …` (root): run it with the engine up, and MongoDB and Kafka from containers alone."""

import signal
import subprocess
import sys

from tests.deploy.engine import Engine
from tests.deploy.stand_ins import make_stand_ins

ONLY_CONTAINERS = {"PATHBOUND_STACK_MONGO": "container", "PATHBOUND_STACK_KAFKA": "container"}


def main() -> int:
    """The command's exit status."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the engine is ended too
    engine = Engine()
    try:
        make_stand_ins(engine)
        return subprocess.run(sys.argv[1:], env=engine.environment | ONLY_CONTAINERS, check=False).returncode
    finally:
        engine.stop()


if __name__ == "__main__":
    sys.exit(main())
