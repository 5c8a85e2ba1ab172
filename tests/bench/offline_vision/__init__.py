"""How well the offline reader reads: drawn packages with known classes, and the measurement."""
