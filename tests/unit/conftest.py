"""What the unit tests share."""

from hypothesis import settings

settings.register_profile("quick", max_examples=5)  # for `make test-unit`
