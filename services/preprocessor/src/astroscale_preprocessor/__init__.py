"""Raw records into encoded batches, exactly once."""
