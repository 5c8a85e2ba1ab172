"""The parts of the one-machine stack, a module each."""
