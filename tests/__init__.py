"""Tests, from pure functions to the whole stack behind the edge."""
