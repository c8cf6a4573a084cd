"""Text that a client has chosen, made safe for a line of the log."""


def harmless(text: str) -> str:
    """The same, with nothing that would close the quotes round it, or break or colour the line."""
    return "".join(character if character.isprintable() and character != '"' else "?" for character in text)
