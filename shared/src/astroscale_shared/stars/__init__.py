"""The domain: what a star's observation is, in which units, and how it becomes a tensor. numpy in, numpy out."""
