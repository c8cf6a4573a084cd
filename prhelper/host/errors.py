"""Why a start fails."""


class StartError(Exception):
    """The helper cannot start; the text names the option, the value and the remedy."""
