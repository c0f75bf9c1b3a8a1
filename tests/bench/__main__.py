"""`make bench`."""

import sys

from tests.bench.predict import main

sys.exit(main())
