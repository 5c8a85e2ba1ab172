"""Where eco2 runs: one machine, and the cluster."""
