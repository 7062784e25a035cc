"""Frames over a socket."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from assay.isolated import messages
from assay.isolated.packing import Blob, Breach
from assay.plain import NotPlain

_LENGTHS = struct.Struct("<II")
#: What is read at once; also the most that a lie about a length can make the reader set aside.
CHUNK = 1 << 20

M = TypeVar("M")


class Gone(Exception):
    """The other side has closed the connection."""


class Channel(Generic[M]):
    """One end of a conversation.

    Args:
        end: a connected stream socket.
        decoder: what may arrive.
        wait: called whenever the socket has had nothing for as long as its own time-out; it raises
            where the waiting must end.
    """

    def __init__(
        self,
        end: socket.socket,
        decoder: msgspec.msgpack.Decoder[M],
        wait: Callable[[], None] = lambda: None,
    ) -> None:
        self.end = end
        self._decoder = decoder
        self._wait = wait
        self._head = bytearray(_LENGTHS.size)

    def send(self, message: Any, blobs: Sequence[Blob] = ()) -> None:
        """Send one message.

        Raises:
            Gone: nobody listens any more.
            NotPlain: it is more than one message may hold; nothing was sent.
        """
        head = messages.encode(message)
        size = sum(map(len, blobs))
        if len(head) > messages.MAX_HEAD or size > messages.MAX_BLOBS:
            raise NotPlain("more than can be handed over at once")
        self._send_all(b"".join((_LENGTHS.pack(len(head), size), head, *blobs)))

    def receive(self) -> tuple[M, memoryview]:
        """The next message, of an allowed type, and its blobs.

        Raises:
            Gone: the other side has closed.
            Breach: what arrived is no frame, or no message that is allowed here.
        """
        self._fill(memoryview(self._head))
        head_size, blobs_size = _LENGTHS.unpack(self._head)
        if head_size > messages.MAX_HEAD or blobs_size > messages.MAX_BLOBS:
            raise Breach("a frame that is larger than allowed")
        data = memoryview(self._read(head_size + blobs_size))
        try:
            message = self._decoder.decode(data[:head_size])
        except (msgspec.MsgspecError, RecursionError, ValueError, OverflowError) as error:
            raise Breach("a frame that is no message") from error
        return message, data[head_size:]

    def _read(self, size: int) -> bytearray:
        """So many bytes; room is made as they come, not as they are promised."""
        data = bytearray(min(size, CHUNK))
        filled = 0
        while True:
            self._fill(memoryview(data)[filled:])
            filled = len(data)
            if filled == size:
                return data
            data.extend(bytes(min(size - filled, CHUNK)))

    def _fill(self, room: memoryview) -> None:
        while room:
            try:
                count = self.end.recv_into(room)
            except TimeoutError:
                self._wait()
                continue
            except OSError as error:
                raise Gone from error
            if count == 0:
                raise Gone
            room = room[count:]

    def _send_all(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self.end.send(rest) :]
            except TimeoutError:
                self._wait()
            except OSError as error:
                raise Gone from error
