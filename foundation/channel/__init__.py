"""The private channel between our processes: JSON in frames over a Unix socket, or over mutual TLS across machines.

The server side is made by ``private_app`` with a function for each call; ``serve_private`` listens. The client side,
``PrivateClient``, asks and either returns the answer's object, for ``Answer`` to read, or raises *the same error class*
that the other process raised, found by its code. Addresses are text: ``unix:/run/linkid/sam-0.sock`` or
``tls:sam.internal:8500``.

``server``, ``client`` and ``answers`` are the ends; ``wire`` is what both agree on (addresses, and errors as JSON) and
``frames`` how it lies on the wire: any number of calls under way on one connection, answered as they are ready.
``waiting`` is how long a client waits for a target that takes calls again.

Who may connect is decided below it: by the socket's file mode, or by a certificate of the private authority. What a
caller says once connected is not believed more for that.
"""

from foundation.channel.answers import Answer, PrivateCalls, near
from foundation.channel.client import PrivateClient
from foundation.channel.server import Call, PrivateApp, PrivateServer, out_of_order, private_app, serve_private
from foundation.channel.wire import (
    MAX_MESSAGE,
    AlreadyServed,
    AnswerLost,
    BadAnswer,
    ErrorRegistry,
    NoSuchCall,
    NotAnObject,
    NotDelivered,
    RemoteError,
    TlsAddress,
    UnixAddress,
    error_to_wire,
    parse_address,
)

__all__ = [
    "MAX_MESSAGE",
    "AlreadyServed",
    "Answer",
    "AnswerLost",
    "BadAnswer",
    "Call",
    "ErrorRegistry",
    "NoSuchCall",
    "NotAnObject",
    "NotDelivered",
    "PrivateApp",
    "PrivateCalls",
    "PrivateClient",
    "PrivateServer",
    "RemoteError",
    "TlsAddress",
    "UnixAddress",
    "error_to_wire",
    "near",
    "out_of_order",
    "parse_address",
    "private_app",
    "serve_private",
]
