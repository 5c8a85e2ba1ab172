"""Scans: jobs, their results and their history. The only writer of the scan schema."""
