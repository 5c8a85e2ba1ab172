"""The REST and SSE surface, through real Envoy."""
