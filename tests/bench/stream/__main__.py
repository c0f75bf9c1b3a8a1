"""`make bench-stream`."""

import sys

from tests.bench.stream.run import main

sys.exit(main())
