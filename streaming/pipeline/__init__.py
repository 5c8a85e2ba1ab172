"""The stages of the scan pipeline."""
