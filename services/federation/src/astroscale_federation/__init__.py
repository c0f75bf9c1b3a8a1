"""Archives train one model and keep their data: coordinator and workers over Kafka."""
