"""Places that take recyclables or sell without packaging."""
