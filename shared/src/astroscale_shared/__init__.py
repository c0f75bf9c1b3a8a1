"""What every AstroScale part shares: the stars domain, messaging over Kafka, runtime."""
