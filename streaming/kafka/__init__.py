"""Topics, producer and the concurrent consumer."""
