"""Accounts, profiles and owned characters."""
