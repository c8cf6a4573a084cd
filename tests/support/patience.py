"""How long tests wait."""

PATIENCE = 50.0
"""Seconds for what happens at once: as long as a busy machine may need, and less than a test may take in all."""
