"""Collecting news."""
