"""host_package.py FOLDER: write the program of hosts there, for playbooks run without `adbray`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from adbray_ctl.adapters.host_package import host_package

if __name__ == "__main__":
    sys.stdout.write(f"{host_package().written(Path(sys.argv[1]))}\n")
