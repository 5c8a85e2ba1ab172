"""Builds the edge configuration from the compiled proto definitions."""
