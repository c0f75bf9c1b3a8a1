"""REST and web page; relays predictions to inference over Kafka."""
