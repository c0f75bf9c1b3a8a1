"""Runs AstroScale on one machine without containers: Kafka, Redis and the services, supervised."""
