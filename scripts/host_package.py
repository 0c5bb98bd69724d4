"""Write what runs on hosts into a folder, for playbooks that are run without `adbray`: host_package.py FOLDER."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from adbray_ctl.adapters.host_package import host_package

if __name__ == "__main__":
    print(host_package().written(Path(sys.argv[1])))
