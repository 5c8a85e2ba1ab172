"""Consumers that carry facts from one domain to another."""
