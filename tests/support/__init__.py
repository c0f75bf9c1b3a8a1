"""What several tests need: brokers, topics, the whole system."""
