"""Archives train one model and keep their data."""
