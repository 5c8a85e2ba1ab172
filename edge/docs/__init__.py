"""Documentation, health and the playground, served at the edge to whoever asks."""
