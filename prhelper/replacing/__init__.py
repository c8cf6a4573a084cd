"""Another start takes the place of the one that runs (--replace); docs/architecture.md, *Another start takes over*."""
