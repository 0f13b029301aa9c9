"""`python -m hermetic_check`: the command, where its folder is not on PATH."""

import os
import subprocess
import sys

from hermetic_check import find


def main() -> int:
    """Become the command, or on Windows, where that cannot be, wait for it."""
    try:
        path = find()
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 2
    command = [path, *sys.argv[1:]]
    if os.name != "nt":
        os.execv(path, command)
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
