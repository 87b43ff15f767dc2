"""Serves a model folder with the generator of mlx_lm.server: batches, and a cache of prompts. The HTTP is our own."""

import argparse
import os
import queue
import threading
import time
from dataclasses import dataclass
from typing import Iterator

import mlx.core as mx
from mlx_lm.models.cache import LRUPromptCache
from mlx_lm.server import (
    GenerationArguments,
    GenerationContext,
    LogitsProcessorArguments,
    ModelDescription,
    ModelProvider,
    Response,
    ResponseGenerator,
    SamplingArguments,
)

from completion_server import Begun, Piece, Request, end_tokens, serve

# Prompt tokens per step: an answer can be ended between steps.
STEP = 512
# Answers look back so far for what they repeat, tokens.
PENALTY_WINDOW = 4096


@dataclass
class TokenRequest:
    """What the generator takes for a request: here the tokens are made already."""

    prompt: list[int]
    messages: tuple = ()
    cancelled: bool = False


class PromptCache(LRUPromptCache):
    def fetch_nearest_cache(self, model, tokens):
        # One token at least must be left to compute: the first of the answer follows from it.
        if len(tokens) < 2:
            return None, tokens
        cache, rest = super().fetch_nearest_cache(model, tokens[:-1])
        return cache, rest + tokens[-1:]


class Generator(ResponseGenerator):
    def _tokenize(self, tokenizer, request, args):
        if request.cancelled:
            raise RuntimeError("nobody waits for it any more")
        return request.prompt, [request.prompt], ["assistant"], "normal", None


class MlxModel:
    def __init__(self, folder: str, context: int, parallel: int, cache_bytes: int) -> None:
        self.context_tokens = context
        self.provider = ModelProvider(provider_options(folder, parallel, cache_bytes))
        self.generator = Generator(self.provider, PromptCache(parallel * 2, cache_bytes))
        while self.provider.tokenizer is None and self.generator.is_healthy:
            time.sleep(0.05)
        # A generator that died is started again with its process.
        threading.Thread(target=self.end_with_generator, daemon=True).start()
        self.tokenizer = self.provider.tokenizer
        self.bos = self.tokenizer.bos_token or ""
        self.eos = self.tokenizer.eos_token or ""
        for token in end_tokens(self, self.tokenizer.eos_token_id):
            self.tokenizer.eos_token_ids.add(token)

    def end_with_generator(self) -> None:
        self.generator.join()
        os._exit(1)

    def tokenize(self, text: str, add_special: bool) -> list[int]:
        return self.tokenizer.encode(text, add_special_tokens=add_special)

    def generate(self, request: Request) -> Iterator["Begun | Piece | None"]:
        wanted = TokenRequest(request.tokens)
        output: queue.Queue = queue.Queue()
        context = None
        self.generator.requests.put((output, wanted, arguments_of(request)))
        try:
            while True:
                try:
                    item = output.get(timeout=1)
                except queue.Empty:
                    yield None
                    continue
                if item is None:
                    return
                if isinstance(item, Exception):
                    raise item
                if isinstance(item, GenerationContext):
                    context = item
                    yield Begun(max(0, item.prompt_cache_count))
                elif isinstance(item, Response):
                    yield Piece(item.text, 1, item.finish_reason)
                else:
                    yield None
        finally:
            wanted.cancelled = True
            if context is not None:
                context.stop()


def arguments_of(request: Request) -> GenerationArguments:
    return GenerationArguments(
        model=ModelDescription("default_model", "default_model", None),
        sampling=SamplingArguments(
            temperature=request.temperature,
            top_p=1.0 if request.top_p is None else request.top_p,
            top_k=request.top_k or 0,
            min_p=request.min_p or 0.0,
            xtc_probability=0.0,
            xtc_threshold=0.1,
        ),
        logits=LogitsProcessorArguments(
            logit_bias=None,
            repetition_penalty=0.0,
            repetition_context_size=PENALTY_WINDOW,
            presence_penalty=request.presence_penalty,
            presence_context_size=PENALTY_WINDOW,
            frequency_penalty=request.frequency_penalty,
            frequency_context_size=PENALTY_WINDOW,
        ),
        stop_words=[],
        max_tokens=request.max_tokens,
        num_draft_tokens=0,
        logprobs=False,
        top_logprobs=-1,
        seed=request.seed,
        chat_template_kwargs=None,
    )


def provider_options(folder: str, parallel: int, cache_bytes: int) -> argparse.Namespace:
    return argparse.Namespace(
        model=folder,
        adapter_path=None,
        draft_model=None,
        pipeline=False,
        trust_remote_code=False,
        chat_template="",
        use_default_chat_template=False,
        chat_template_args={},
        decode_concurrency=parallel,
        prompt_concurrency=parallel,
        prefill_step_size=STEP,
        prompt_cache_bytes=cache_bytes * 2,
        kv_bits=None,
        kv_group_size=64,
        quantized_kv_start=0,
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--context", type=int, required=True)
    parser.add_argument("--parallel", type=int, required=True)
    parser.add_argument("--cache-bytes", type=int, required=True)
    options = parser.parse_args()
    if mx.metal.is_available():
        mx.set_wired_limit(mx.device_info()["max_recommended_working_set_size"])
    model = MlxModel(options.model, options.context, options.parallel, options.cache_bytes)
    serve(model, options.port)


if __name__ == "__main__":
    main()
