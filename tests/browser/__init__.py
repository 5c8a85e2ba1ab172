"""What browsers do with the edge, tried in a real one."""
