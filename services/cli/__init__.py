"""The eco2 command: the one place that may import everything."""
