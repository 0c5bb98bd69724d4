#!/usr/bin/python3
"""Stands in for `grafana server`: reads its configuration and files, and asks who logs in.

What it knows of Grafana: the options of the command, the ini with `$__file{}`, that the admin's
password counts when the database is made and never again, the path before everything, provided
dashboards and the data source, who may ask what, the login by a cookie, and what pages say of
frames. It draws nothing: a panel is its title, and how many targets Prometheus has. Nothing else
of it is like Grafana.
"""

from __future__ import annotations

import argparse
import base64
import configparser
import glob
import hmac
import html
import http.server
import json
import os
import re
import secrets
import urllib.parse
import urllib.request
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


def provided(config: configparser.ConfigParser, kind: str, key: str) -> list[str]:
    """The values of a key in all provisioning files of that kind."""
    found = []
    for path in sorted(glob.glob(os.path.join(config["paths"]["provisioning"], kind, "*.yml"))):
        with open(path, encoding="utf-8") as file:
            found += re.findall("^ +" + key + ": (.+)$", file.read(), re.MULTILINE)
    return found


def dashboards(config: configparser.ConfigParser) -> list[dict[str, Any]]:
    """Those in the directories that the providers name; each with its path there."""
    found = []
    for folder in provided(config, "dashboards", "path"):
        for path in sorted(glob.glob(folder + "/**/*.json", recursive=True)):
            with open(path, encoding="utf-8") as file:
                found.append({**json.load(file), "path": os.path.relpath(path, folder)})
    return found


def title_of(board: dict[str, Any], panel_id: str) -> str:
    panels = [p for row in board["panels"] for p in [row, *row.get("panels", [])]]
    return "".join(p["title"] for p in panels if str(p["id"]) == panel_id)


def targets(config: configparser.ConfigParser) -> str:
    """How many the data source has that answer, as it is asked by Grafana: from this host."""
    (url,) = provided(config, "datasources", "url")
    asked = urllib.parse.urlencode({"query": "sum(up)"}).encode()
    with urllib.request.urlopen(url + "api/v1/query", asked, timeout=10) as told:  # noqa: S310  # http
        return str(json.load(told)["data"]["result"][0]["value"][1])


class Page(http.server.BaseHTTPRequestHandler):
    config: configparser.ConfigParser
    users: dict[str, str]
    sessions: set[str]

    @property
    def prefix(self) -> str:
        return urllib.parse.urlsplit(self.config["server"]["root_url"]).path.rstrip("/")

    def do_GET(self) -> None:
        asked = urllib.parse.urlsplit(self.path)
        if not asked.path.startswith(self.prefix + "/"):
            self.answer(404, {})
        elif asked.path == self.prefix + "/api/health":
            self.answer(200, {"database": "ok", "version": "1.0"})
        elif asked.path == self.prefix + "/login":
            self.show("Welcome to what stands in for Grafana")
        elif not self.known():
            if asked.path.startswith(self.prefix + "/api/"):
                self.answer(401, {"message": "Unauthorized"})
            else:
                self.answer(302, {}, Location=self.prefix + "/login")
        elif asked.path == self.prefix + "/api/search":
            keys = ("uid", "title", "path")
            self.answer(200, [{key: b[key] for key in keys} for b in dashboards(self.config)])
        elif asked.path.startswith(self.prefix + "/api/"):
            self.answer(200, {"name": "Main Org."})
        else:
            self.show_board(asked)

    def show_board(self, asked: urllib.parse.SplitResult) -> None:
        """A dashboard or one of its panels, as Ray has them in frames, or the titles of all."""
        boards = {board["uid"]: board for board in dashboards(self.config)}
        parts = asked.path[len(self.prefix) + 1 :].split("/")
        if parts[0] not in ("d", "d-solo"):
            self.show(" | ".join(board["title"] for board in boards.values()))
        elif parts[1] in boards:
            title = boards[parts[1]]["title"]
            if parts[0] == "d-solo":
                panel = urllib.parse.parse_qs(asked.query)["panelId"][0]
                title = title_of(boards[parts[1]], panel)
            self.show(title + ": " + targets(self.config) + " targets")
        else:
            self.answer(404, {})

    def do_POST(self) -> None:
        login = json.loads(self.rfile.read(int(self.headers.get("Content-Length", "0"))))
        if self.path != self.prefix + "/login" or not self.right(login["user"], login["password"]):
            self.answer(401, {"message": "Unauthorized"})
            return
        session = secrets.token_hex(16)
        self.sessions.add(session)
        security = self.config["security"]
        cookie = f"grafana_session={session}; Path={self.prefix}/; HttpOnly"
        cookie += f"; SameSite={security['cookie_samesite']}"
        if security.getboolean("cookie_secure"):
            cookie += "; Secure"
        self.answer(200, {"message": "Logged in"}, **{"Set-Cookie": cookie})

    def known(self) -> bool:
        if self.config["auth.anonymous"].getboolean("enabled"):
            return True
        cookie = re.search("grafana_session=([0-9a-f]+)", self.headers.get("Cookie", ""))
        if cookie and cookie.group(1) in self.sessions:
            return True
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if scheme != "Basic":
            return False
        user, _, password = base64.b64decode(token).decode().partition(":")
        return self.right(user, password)

    def right(self, user: str, password: str) -> bool:
        return hmac.compare_digest(self.users.get(user, "\0"), password)

    def show(self, text: str) -> None:
        page = "<!doctype html><title>Stand-in</title><p>" + html.escape(text)
        self.send(200, "text/html", page.encode(), {})

    def answer(self, status: int, body: object, **headers: str) -> None:
        self.send(status, "application/json", json.dumps(body).encode(), headers)

    def send(self, status: int, kind: str, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        security = self.config["security"]
        if not security.getboolean("allow_embedding"):
            self.send_header("X-Frame-Options", "deny")
        if security.getboolean("content_security_policy", fallback=False):
            policy = security["content_security_policy_template"]
            self.send_header("Content-Security-Policy", policy)
        for name, value in {"Content-Type": kind, **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["server"])
    parser.add_argument("--homepath", required=True)
    parser.add_argument("--config", required=True)
    arguments = parser.parse_args()
    assert os.access(os.path.join(arguments.homepath, "bin", "grafana"), os.X_OK)
    Page.config = settings(arguments.config)
    Page.users = database(Page.config)
    Page.sessions = set()
    server = Page.config["server"]
    address = (server["http_addr"], int(server["http_port"]))
    http.server.ThreadingHTTPServer(address, Page).serve_forever()


if __name__ == "__main__":
    main()
