"""Fits, calibrates, checks and exports the model; simulates the sample catalogue."""
