"""Star tables into the raw topic."""
