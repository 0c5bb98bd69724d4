"""Ray's job API over HTTP."""
