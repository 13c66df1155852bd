"""What all tests share."""

import os

# tests run side by side: nothing is timed on the way
os.environ.setdefault("SNNC_COSTS", "stored")
