"""Kafka, and only here: topics, contracts, codec, clients, the transactions loop, request and reply."""
