#!/usr/bin/python3
"""Stands in for `grafana server`: reads its configuration and files, and asks who logs in.

What it knows of Grafana: the options of the command, the ini with `$__file{}`, that the admin's
password counts when the database is made and never again, the path before everything, provided
dashboards, and who may ask what. Nothing else of it is like Grafana.
"""

from __future__ import annotations

import argparse
import base64
import configparser
import glob
import hmac
import http.server
import json
import os
import re
import urllib.parse
from typing import Any


def settings(path: str) -> configparser.ConfigParser:
    """The ini, each `$__file{PATH}` in it replaced by what is in that file."""
    found = configparser.ConfigParser(interpolation=None)
    with open(path, encoding="utf-8") as file:
        found.read_file(file)
    for section in found.sections():
        for key, value in found.items(section):
            match = re.fullmatch(r"\$__file\{(.+)\}", value)
            if match:
                with open(match.group(1), encoding="utf-8") as file:
                    found.set(section, key, file.read().strip())
    return found


def database(config: configparser.ConfigParser) -> dict[str, str]:
    """Users by name, made at the first start."""
    path = os.path.join(config["paths"]["data"], "grafana.db")
    if not os.path.exists(path):
        admin = {config["security"]["admin_user"]: config["security"]["admin_password"]}
        with open(path, "w", encoding="utf-8") as file:
            json.dump(admin, file)
    with open(path, encoding="utf-8") as file:
        users: dict[str, str] = json.load(file)
    return users


def dashboards(config: configparser.ConfigParser) -> list[dict[str, Any]]:
    """Those in the directories that the providers name, each as the search lists it."""
    provided = os.path.join(config["paths"]["provisioning"], "dashboards", "*.yml")
    found = []
    for provider in sorted(glob.glob(provided)):
        with open(provider, encoding="utf-8") as file:
            folders = re.findall(r"^ +path: (.+)$", file.read(), re.MULTILINE)
        for folder in folders:
            for path in sorted(glob.glob(folder + "/**/*.json", recursive=True)):
                with open(path, encoding="utf-8") as file:
                    board = json.load(file)
                shown = {"uid": board["uid"], "title": board["title"]}
                found.append({**shown, "path": os.path.relpath(path, folder)})
    return found


class Page(http.server.BaseHTTPRequestHandler):
    config: configparser.ConfigParser
    users: dict[str, str]

    def do_GET(self) -> None:
        prefix = urllib.parse.urlsplit(self.config["server"]["root_url"]).path.rstrip("/")
        if not self.path.startswith(prefix + "/api/"):
            self.answer(404, {})
        elif self.path == prefix + "/api/health":
            self.answer(200, {"database": "ok", "version": "1.0"})
        elif not self.known():
            self.answer(401, {"message": "Unauthorized"})
        elif self.path == prefix + "/api/search":
            self.answer(200, dashboards(self.config))
        else:
            self.answer(200, {"name": "Main Org."})

    def known(self) -> bool:
        if self.config["auth.anonymous"].getboolean("enabled"):
            return True
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if scheme != "Basic":
            return False
        user, _, password = base64.b64decode(token).decode().partition(":")
        return hmac.compare_digest(self.users.get(user, "\0"), password)

    def answer(self, status: int, body: object) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["server"])
    parser.add_argument("--homepath", required=True)
    parser.add_argument("--config", required=True)
    arguments = parser.parse_args()
    assert os.access(os.path.join(arguments.homepath, "bin", "grafana"), os.X_OK)
    Page.config = settings(arguments.config)
    Page.users = database(Page.config)
    server = Page.config["server"]
    address = (server["http_addr"], int(server["http_port"]))
    http.server.ThreadingHTTPServer(address, Page).serve_forever()


if __name__ == "__main__":
    main()
