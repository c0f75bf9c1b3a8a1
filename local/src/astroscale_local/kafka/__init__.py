"""Apache Kafka on this machine: the real broker from its jars, without containers."""
