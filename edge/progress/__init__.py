"""Live progress for browsers and internal clients."""
