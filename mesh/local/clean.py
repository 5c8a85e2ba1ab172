"""``make clean-data``: forget what the local stack stored."""

from __future__ import annotations

import shutil
import sys

from mesh.local import paths, state
from mesh.local.parts import postgres


def main() -> int:
    """Remove data, logs and state; refuses while the stack is up."""
    where = paths.default()
    if state.Lock(where.run).holder() is not None:
        print("the stack is up; stop it first with `make down`", file=sys.stderr)
        return 1
    elsewhere = postgres.data_folder(where, postgres.system_user())
    for folder in (elsewhere, where.home / "data", where.home / "log", where.run):
        if folder.exists():
            shutil.rmtree(folder)
            print(f"removed {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
