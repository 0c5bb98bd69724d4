"""Stops the head of group ARGV[1] and removes its keys from an external Redis, if it uses one.

The head's record says which Redis, namespace and venv. A Redis of the group's own is removed as
a whole by its role.
"""

import json
import os
import subprocess
import sys

# Ray's own function, run by the venv that wrote the keys; the password comes by standard input.
CODE = """
import json, sys
from ray._private.gcs_utils import cleanup_redis_storage
arguments = json.loads(sys.stdin.read())
assert cleanup_redis_storage(**arguments), "Redis did not remove the keys"
"""

folder = os.path.join("/etc/adbray", sys.argv[1])
record = {}
if os.path.exists(os.path.join(folder, "head.json")):
    with open(os.path.join(folder, "head.json")) as file:
        record = json.load(file)
redis = record.get("external_redis")
if redis:
    password = ""
    if os.path.exists(os.path.join(folder, "redis_password")):
        with open(os.path.join(folder, "redis_password")) as file:
            password = file.read().strip()
    scheme, _, address = redis["url"].rpartition("://")
    host, _, port = address.rpartition(":")
    arguments = {
        "host": host,
        "port": int(port),
        "password": password,
        "username": redis["username"],
        "use_ssl": scheme == "rediss",
        "storage_namespace": record["namespace"],
    }
    subprocess.run(["systemctl", "stop", "adbray-head@%s.service" % sys.argv[1]], check=True)
    command = [os.path.join(record["venv"], "bin/python"), "-c", CODE]
    subprocess.run(command, input=json.dumps(arguments), text=True, check=True)
    print("removed the keys of", record["namespace"])
