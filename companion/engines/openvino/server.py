"""Serves a GGUF model with OpenVINO GenAI. Requests are computed together, and what prompts share only once."""

import argparse
import queue
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Iterator, Optional

import numpy
import openvino
import openvino_genai as genai

from completion_server import Begun, Piece, Refused, Request, end_tokens, serve

# Tokens per block of the cache on a processor.
BLOCK = 32
# Prompt tokens per step: an answer can be ended between steps.
STEP = 512


@dataclass
class Answer:
    handle: object
    # Token ids; None at the end; an exception where it failed.
    output: queue.Queue = field(default_factory=queue.Queue)


class OpenVinoModel:
    def __init__(self, path: str, device: str, context: int, parallel: int, threads: int) -> None:
        self.context_tokens = context
        blocks = parallel * (-(-context // BLOCK) + 1)
        scheduler = genai.SchedulerConfig()
        scheduler.num_kv_blocks = blocks
        scheduler.cache_size = 0
        scheduler.enable_prefix_caching = True
        scheduler.max_num_batched_tokens = STEP
        scheduler.max_num_seqs = parallel
        properties = {"INFERENCE_NUM_THREADS": threads} if device == "CPU" else {}
        self.pipeline = genai.ContinuousBatchingPipeline(path, scheduler, device, properties)
        self.tokenizer = self.pipeline.get_tokenizer()
        self.bos = self.tokenizer.get_bos_token()
        self.eos = self.tokenizer.get_eos_token()
        self.ends = end_tokens(self, self.tokenizer.get_eos_token_id())
        self.computed = ComputedBlocks(blocks)
        self.added: queue.Queue[tuple[Request, Answer]] = queue.Queue()
        self.answers: list[Answer] = []
        self.next_id = 0
        self.lock = threading.Lock()
        self.wake = threading.Event()
        threading.Thread(target=self.run, daemon=True).start()

    def tokenize(self, text: str, add_special: bool) -> list[int]:
        if text == "":
            return []
        encoded = self.tokenizer.encode(text, add_special_tokens=add_special)
        return encoded.input_ids.data[0].tolist()

    def generate(self, request: Request) -> Iterator["Begun | Piece | None"]:
        cached = self.computed.common(request.tokens)
        answer = self.add(request)
        text = TextStream(self.tokenizer)
        ids: list[int] = []
        reason: Optional[str] = None
        try:
            yield Begun(cached)
            while reason is None:
                try:
                    item = answer.output.get(timeout=1)
                except queue.Empty:
                    yield None
                    continue
                if isinstance(item, Exception):
                    raise item
                if item is None:
                    reason = "length" if len(ids) >= request.max_tokens else "stop"
                    yield Piece(text.flush(), 0, reason)
                else:
                    ids.append(item)
                    if item in self.ends:
                        yield Piece(text.flush(), 1, "stop")
                        return
                    yield Piece(text.push(item), 1)
        finally:
            answer.handle.cancel()
            # The last token was not computed any more.
            self.computed.add(request.tokens + ids[:-1])

    def add(self, request: Request) -> Answer:
        config = self.config_of(request)
        tokens = openvino.Tensor(numpy.array([request.tokens], dtype=numpy.int64))
        with self.lock:
            self.next_id += 1
            answer = Answer(self.pipeline.add_request(self.next_id, tokens, config))
            self.answers.append(answer)
        self.wake.set()
        return answer

    def config_of(self, request: Request) -> genai.GenerationConfig:
        config = genai.GenerationConfig()
        config.apply_chat_template = False
        config.max_new_tokens = request.max_tokens
        config.stop_token_ids = self.ends
        config.frequency_penalty = request.frequency_penalty
        config.presence_penalty = request.presence_penalty
        if request.temperature > 0:
            config.do_sample = True
            config.temperature = request.temperature
            if request.top_p is not None:
                config.top_p = request.top_p
            if request.top_k:
                config.top_k = request.top_k
            if request.min_p is not None:
                config.min_p = request.min_p
            if request.seed is not None:
                config.rng_seed = request.seed
        if request.grammar is not None:
            # It wants an empty alternative written out.
            grammar = request.grammar.replace("::= |", '::= "" |')
            config.structured_output_config = genai.StructuredOutputConfig(grammar=grammar)
        try:
            config.validate()
        except RuntimeError as error:
            raise Refused(str(error)) from None
        return config

    def run(self) -> None:
        """The one thread that computes."""
        while True:
            self.wake.wait()
            self.wake.clear()
            while self.answers:
                try:
                    self.pipeline.step()
                except Exception as error:
                    self.fail(error)
                self.hand_out()

    def hand_out(self) -> None:
        with self.lock:
            answers = list(self.answers)
        for answer in answers:
            handle = answer.handle
            # Asked first: what comes after it is the last there is.
            status = handle.get_status()
            while handle.can_read():
                for output in handle.read().values():
                    for token in output.generated_ids:
                        answer.output.put(token)
            if status != genai.GenerationStatus.RUNNING:
                ignored = status == genai.GenerationStatus.IGNORED
                answer.output.put(MemoryError("the cache is too small") if ignored else None)
                with self.lock:
                    self.answers.remove(answer)

    def fail(self, error: Exception) -> None:
        """A step fails for all that take part in it."""
        with self.lock:
            answers, self.answers = self.answers, []
        for answer in answers:
            answer.handle.cancel()
            answer.output.put(error)


class TextStream:
    """Tokens in, text out, never a part of a character."""

    # So many tokens back, what a token is as text does not depend on them any more.
    WINDOW = 8

    def __init__(self, tokenizer: genai.Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.told: list[int] = []
        self.held: list[int] = []

    def push(self, token: int) -> str:
        self.held.append(token)
        text = self.decode()
        # A character takes four bytes at most; more than that are broken ones.
        if text.endswith("\ufffd") and len(self.held) < 4:
            return ""
        return self.tell(text)

    def flush(self) -> str:
        return self.tell(self.decode()) if self.held else ""

    def decode(self) -> str:
        before = self.text_of(self.told)
        return self.text_of(self.told + self.held)[len(before) :]

    def tell(self, text: str) -> str:
        self.told = (self.told + self.held)[-self.WINDOW :]
        self.held = []
        return text

    def text_of(self, tokens: list[int]) -> str:
        return self.tokenizer.decode(tokens, skip_special_tokens=False) if tokens else ""


class ComputedBlocks:
    """Which blocks the pipeline has in its cache: it does not tell, so its rule is followed here."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.blocks: OrderedDict[int, None] = OrderedDict()
        self.lock = threading.Lock()

    def common(self, tokens: list[int]) -> int:
        """How many tokens at the beginning are computed already."""
        with self.lock:
            for count, block in enumerate(self.chain(tokens)):
                if block not in self.blocks:
                    return count * BLOCK
            return len(tokens) // BLOCK * BLOCK

    def add(self, tokens: list[int]) -> None:
        with self.lock:
            for block in self.chain(tokens):
                self.blocks[block] = None
                self.blocks.move_to_end(block)
            while len(self.blocks) > self.limit:
                self.blocks.popitem(last=False)

    @staticmethod
    def chain(tokens: list[int]) -> Iterator[int]:
        before = 0
        for at in range(0, len(tokens) - BLOCK + 1, BLOCK):
            before = hash((before, *tokens[at : at + BLOCK]))
            yield before


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--device", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--context", type=int, required=True)
    parser.add_argument("--parallel", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    options = parser.parse_args()
    model = OpenVinoModel(
        options.model, options.device, options.context, options.parallel, options.threads
    )
    serve(model, options.port)


if __name__ == "__main__":
    main()
