"""`make bench-science`: the aims of the model, measured on stars that it has not seen."""
