"""Asynchronous work: Kafka, progress streams, models, knowledge, pipeline stages."""
