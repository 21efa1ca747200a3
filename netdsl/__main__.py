"""`netdsl` and `python -m netdsl`."""

from __future__ import annotations

import sys


def main() -> None:
    """The console script: runs a command and exits with its code."""
    from .cli import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
