"""Log records and trace events, and where they go."""
