"""The astroscale command and the Python client."""
