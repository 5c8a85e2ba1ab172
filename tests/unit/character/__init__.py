"""Tests of character."""
