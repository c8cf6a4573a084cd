"""Text that a client has chosen, made safe for a line of the log, or for a terminal."""


def harmless(text: str) -> str:
    """The same, with nothing that would close the quotes round it, or break or colour the line."""
    return printable(text).replace('"', "?")


def printable(text: str) -> str:
    """The same, with nothing that would break or colour the line, or move a terminal's cursor."""
    return "".join(character if character.isprintable() else "?" for character in text)
