"""What hosts should hold for a group: records, autoscaler, scrape jobs, Grafana, web."""
