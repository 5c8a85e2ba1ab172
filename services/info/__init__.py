"""News, and what is known about recycling."""
