"""Against real PostgreSQL, Redis, Kafka and S3."""
