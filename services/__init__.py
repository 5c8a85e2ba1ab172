"""gRPC servers, one package a domain, what they share, and the command line."""
