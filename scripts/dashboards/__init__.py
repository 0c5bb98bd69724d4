"""adbray's dashboards for Grafana, as code: `make dashboards` writes the role's files from it."""
