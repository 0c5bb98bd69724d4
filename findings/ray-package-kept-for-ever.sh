#!/usr/bin/env bash
# Ray 2.60.0, Python 3.11.
#
# Ray pins a package (a working directory, for example) before it uploads it, for 600 s or as long as
# RAY_RUNTIME_ENV_TEMPORARY_REFERENCE_EXPIRATION_S says, and deletes it when nothing refers to it.
# Expected: a package that no job ever used goes some time after its upload.
# Seen: a package whose pin ends before its upload does is kept for as long as the cluster lives. The
#   deletion finds nothing, and nothing refers to the package later. A slow line is enough.
#
# Exits 0 while this is so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "ray[default]==2.60.0"

"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import socket, subprocess, sys, time
from ray._private.services import GCS_SERVER_EXECUTABLE
from ray._raylet import GcsClient

folder = sys.argv[1]
with socket.create_server(("127.0.0.1", 0)) as free:
    port = free.getsockname()[1]
settings = {
    "log_dir": folder, "config_list": "e30=", "gcs_server_port": port, "metrics-agent-port": 0,
    "node-ip-address": "127.0.0.1", "session-name": "s", "session-dir": folder, "node-id": "ab" * 28,
    "stdout_filepath": folder + "/out", "stderr_filepath": folder + "/err",
}
words = [f"--{name}={value}" for name, value in settings.items()]
with subprocess.Popen([GCS_SERVER_EXECUTABLE, *words]) as process:
    try:
        gcs = GcsClient(address=f"127.0.0.1:{port}")
        late, timely = (f"gcs://_ray_pkg_{name}.zip" for name in ("late", "timely"))
        gcs.pin_runtime_env_uri(late, 1)
        gcs.pin_runtime_env_uri(timely, 10)
        time.sleep(4)  # the upload takes longer than the first pin
        for uri in (late, timely):
            gcs.internal_kv_put(uri.encode(), b"zip", True, None, timeout=30)
        time.sleep(15)
        left = sorted(key.decode() for key in gcs.internal_kv_keys(b"gcs://", None, timeout=30))
        print("left:", left)
        sys.exit(left != [late])
    finally:
        process.kill()
PYTHON
