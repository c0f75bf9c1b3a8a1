"""`make bench-science`."""

import sys

from tests.bench.science.run import main

sys.exit(main())
