"""Scores stars with ONNX models, for requests and for the stream."""
