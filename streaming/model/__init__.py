"""Models the stages ask: a language model over the network, or an offline reader of marks."""
