"""
Serves one loaded model to the companion over HTTP on loopback: `GET /health`, `POST /count`, `POST /generate`. Only the
standard library. What a client must show is in SILO_SERVER_KEY; a client that goes away ends its answer.
"""

import hmac
import json
import os
import sys
import time
import traceback
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Iterator, Optional, Protocol

BODY_LIMIT = 64 * 1024 * 1024
# A client that neither sends nor reads for so long is gone, seconds.
SOCKET_LIMIT = 300


class Refused(Exception):
    """The request asks for something that cannot be: told to the client."""


@dataclass
class Request:
    tokens: list[int]
    max_tokens: int
    temperature: float
    top_p: Optional[float] = None
    top_k: Optional[int] = None
    min_p: Optional[float] = None
    seed: Optional[int] = None
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    grammar: Optional[str] = None


@dataclass
class Begun:
    """The prompt is accepted: so many of its tokens need not be computed again."""

    cached: int


@dataclass
class Piece:
    text: str
    tokens: int
    # `stop` or `length` for the last one.
    finish_reason: Optional[str] = None


class Model(Protocol):
    context_tokens: int
    # As text, for chat templates; empty where there is none.
    bos: str
    eos: str

    def tokenize(self, text: str, add_special: bool) -> list[int]: ...

    def generate(self, request: Request) -> Iterator["Begun | Piece | None"]:
        """`None` at least every second while there is nothing to tell. Closing the iterator ends the answer."""
        ...


def serve(model: Model, port: int) -> None:
    """Serves until the process is ended."""
    key = os.environ.pop("SILO_SERVER_KEY")
    if not key:
        sys.exit("SILO_SERVER_KEY is not set")

    class BoundHandler(Handler):
        pass

    BoundHandler.model = model
    BoundHandler.authorization = f"Bearer {key}".encode()
    server = ThreadingHTTPServer(("127.0.0.1", port), BoundHandler)
    server.daemon_threads = True
    server.serve_forever()


class Handler(BaseHTTPRequestHandler):
    model: Model
    authorization: bytes
    timeout = SOCKET_LIMIT
    # Streams come in chunks with an end of their own: one that breaks off is known for it.
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.answer({"/health": self.health})

    def do_POST(self) -> None:
        self.answer({"/count": self.count, "/generate": self.generate})

    def log_message(self, format: str, *args: object) -> None:
        pass

    def answer(self, routes: dict) -> None:
        shown = self.headers.get("Authorization", "").encode("utf-8", "replace")
        if not hmac.compare_digest(shown, self.authorization):
            return self.fail(401, "the key is missing")
        if self.path not in routes:
            return self.fail(404, "there is no such route")
        try:
            routes[self.path]()
        except Refused as error:
            self.fail(400, str(error))
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        except Exception as error:
            traceback.print_exc()
            self.fail(500, f"{type(error).__name__}: {error}")

    def health(self) -> None:
        model = self.model
        self.send_json(200, {"bos": model.bos, "eos": model.eos, "context": model.context_tokens})

    def count(self) -> None:
        self.send_json(200, {"tokens": len(self.tokens_of(self.body()))})

    def generate(self) -> None:
        request = self.request_of(self.body())
        pieces = self.model.generate(request)
        try:
            self.stream(request, pieces)
        finally:
            pieces.close()

    def stream(self, request: Request, pieces: Iterator) -> None:
        started = time.monotonic()
        cached, completed, first_at = 0, 0, None
        self.send_head(200, "text/event-stream", "Transfer-Encoding", "chunked")
        try:
            for piece in pieces:
                if piece is None:
                    # Fails where nobody listens any more.
                    self.write_chunk(":\n\n")
                elif isinstance(piece, Begun):
                    cached = min(piece.cached, len(request.tokens) - 1)
                    self.event({"prompt_progress": {"total": len(request.tokens), "cache": cached}})
                else:
                    first_at = first_at or time.monotonic()
                    completed += piece.tokens
                    now = time.monotonic()
                    timings = {
                        "cache_n": cached,
                        "prompt_n": len(request.tokens) - cached,
                        "prompt_ms": (first_at - started) * 1000,
                        "predicted_n": completed,
                        "predicted_ms": (now - first_at) * 1000,
                    }
                    self.event({"choices": [{"text": piece.text}], "timings": timings})
                    # By itself: a stop string in the text before it decides why the answer ends.
                    if piece.finish_reason is not None:
                        self.event({"choices": [{"finish_reason": piece.finish_reason}]})
        except ConnectionError:
            raise
        except Exception as error:
            if not isinstance(error, Refused):
                traceback.print_exc()
            self.event({"error": {"message": f"{type(error).__name__}: {error}"}})
        self.write_chunk("data: [DONE]\n\n")
        self.write_chunk("")

    def request_of(self, body: dict) -> Request:
        tokens = self.tokens_of(body)
        room = self.model.context_tokens - len(tokens)
        if not tokens:
            raise Refused("the prompt is empty")
        if room < 1:
            raise Refused(
                f"request ({len(tokens) + 1} tokens) exceeds the context ({self.model.context_tokens} tokens)"
            )
        return Request(
            tokens=tokens,
            max_tokens=max(1, min(number(body, "max_tokens", int, room), room)),
            temperature=number(body, "temperature", float, 0.8),
            top_p=number(body, "top_p", float),
            top_k=number(body, "top_k", int),
            min_p=number(body, "min_p", float),
            seed=number(body, "seed", int),
            frequency_penalty=number(body, "frequency_penalty", float, 0.0),
            presence_penalty=number(body, "presence_penalty", float, 0.0),
            grammar=string(body, "grammar") or None,
        )

    def tokens_of(self, body: dict) -> list[int]:
        return self.model.tokenize(string(body, "prompt"), body.get("add_special") is True)

    def body(self) -> dict:
        try:
            length = int(self.headers.get("Content-Length", ""))
        except ValueError:
            raise Refused("Content-Length is missing") from None
        if not 0 <= length <= BODY_LIMIT:
            raise Refused("the body is too large")
        try:
            body = json.loads(self.rfile.read(length))
        except ValueError:
            raise Refused("the body is not JSON") from None
        if not isinstance(body, dict):
            raise Refused("the body is no object")
        return body

    def fail(self, status: int, message: str) -> None:
        try:
            self.send_json(status, {"error": {"message": message}})
        except OSError:
            self.close_connection = True

    def send_json(self, status: int, content: dict) -> None:
        data = json.dumps(content).encode()
        self.send_head(status, "application/json", "Content-Length", str(len(data)))
        self.wfile.write(data)

    def send_head(self, status: int, kind: str, *length: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        self.send_header(*length)
        self.end_headers()

    def event(self, content: dict) -> None:
        self.write_chunk(f"data: {json.dumps(content)}\n\n")

    def write_chunk(self, text: str) -> None:
        """The empty one is the end."""
        data = text.encode()
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))


def number(body: dict, name: str, kind: type, default=None):
    value = body.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Refused(f"{name} is no number")
    return kind(value)


def string(body: dict, name: str) -> str:
    value = body.get(name, "")
    if not isinstance(value, str):
        raise Refused(f"{name} is no text")
    return value


# What ends a turn in one family of models or another, whatever the file calls its end.
TURN_ENDS = ("<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>", "<|end|>", "</s>")


def end_tokens(model: Model, eos: Optional[int]) -> set[int]:
    """The tokens that end an answer."""
    found = {} if eos is None or eos < 0 else {eos}
    texts = [model.tokenize(text, False) for text in TURN_ENDS]
    return set(found) | {tokens[0] for tokens in texts if len(tokens) == 1}
