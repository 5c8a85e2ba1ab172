"""The offline reader."""
