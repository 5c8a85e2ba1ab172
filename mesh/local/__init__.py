"""The one-machine run: set-up, parts, supervisor."""
