"""The catalogue of characters and the reward policy."""
