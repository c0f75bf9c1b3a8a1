"""`make bench-stream`: the data plane's speed, each figure beside its reference on the same broker."""
