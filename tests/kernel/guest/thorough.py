"""How much to test: host and guest must agree on it, for both collect the tests."""

from __future__ import annotations

import os

THOROUGH = bool(os.environ.get("PRHELPER_THOROUGH"))
"""Whether to take the time for all there is, and to repeat more often what goes by chance."""
