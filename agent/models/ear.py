"""What is told of a reply while it is written, and how it is put right at its end.

Whoever listens can rely on one thing: the pieces since the last `None`, joined, are the text of the
reply that is returned. Knows no protocol and sends nothing.
"""

from forethought.agent.protocols import Hear


class Ear:
    """Passes pieces on to one listener.

    Args:
        hear: The listener.
        echoes: Whether the server may return a prefix that it continues.
    """

    def __init__(self, hear: Hear, *, echoes: bool = True) -> None:
        self._hear = hear
        self._echoes = echoes
        self._told: list[str] = []
        self._prefix = ""
        self._held: str | None = None
        self._trim = False

    def begin(self, prefix: str = "") -> None:
        """A try begins: what was told is void.

        Args:
            prefix: Text that the server is to continue; told once, whether it returns it or not.
        """
        self.void()
        self._prefix = prefix
        self._held = "" if prefix else None
        self._trim = False
        if prefix and not self._echoes:
            self._open("")

    def void(self) -> None:
        """Take back what was told since the last time, if anything was."""
        if self._told:
            self._told.clear()
            self._hear(None)

    def take(self, piece: str) -> None:
        """The server wrote this."""
        if self._held is None:
            self._tell(piece)
            return
        self._held += piece
        if self._prefix.startswith(self._held):  # it may still become the prefix
            return
        self._open(self._held)

    def settle(self, text: str) -> None:
        """The reply is `text`: tell what is missing, or all of it where something else was told."""
        told = "".join(self._told)
        self._held, self._trim = None, False
        if not text.startswith(told):
            self.void()
            told = ""
        self._tell(text[len(told) :])

    def _open(self, held: str) -> None:
        """Tell the prefix, once, and what the server wrote behind it."""
        self._held = None
        self._tell(self._prefix)
        self._trim = self._prefix[-1:].isspace()
        if held.startswith(self._prefix):
            held, self._trim = held[len(self._prefix) :], False
        self._tell(held)

    def _tell(self, piece: str) -> None:
        if self._trim:
            piece = piece.lstrip()
        if piece:
            self._trim = False
            self._told.append(piece)
            self._hear(piece)
