"""Uses the openai package of PyPI against the server at argv[1]; prints what it saw as one JSON object."""

import json
import sys

import openai

client = openai.OpenAI(base_url=sys.argv[1], api_key="none", max_retries=0, timeout=30)
seen = {"version": openai.__version__, "models": [model.id for model in client.models.list()]}

messages = [{"role": "user", "content": "hello from Python 你好"}]
answer = client.chat.completions.create(model="fake-chat", messages=messages)
seen["chat"] = answer.choices[0].message.content
seen["usage"] = answer.usage.total_tokens

text = ""
stream = client.chat.completions.create(
    model="fake-chat", messages=messages, stream=True, stream_options={"include_usage": True}
)
for chunk in stream:
    if chunk.choices:
        text += chunk.choices[0].delta.content or ""
    if chunk.usage:
        seen["streamed_usage"] = chunk.usage.total_tokens
seen["streamed"] = text

tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
call = client.chat.completions.create(
    model="fake-chat", messages=messages, tools=[tool], tool_choice="required"
)
seen["tool"] = call.choices[0].message.tool_calls[0].function.name

seen["completion"] = (
    client.completions.create(model="fake-chat", prompt="one two", max_tokens=1).choices[0].text
)
vectors = client.embeddings.create(model="fake-embed", input=["one", "two"]).data
seen["vectors"] = [len(vector.embedding) for vector in vectors]

seen["response"] = client.responses.create(model="fake-chat", input="short").output_text
with client.responses.stream(model="fake-chat", input="streamed response") as events:
    for _ in events:
        pass
    seen["streamed_response"] = events.get_final_response().output_text

try:
    client.chat.completions.create(model="gpt-unknown", messages=messages)
except openai.NotFoundError as error:
    seen["error"] = error.code

print(json.dumps(seen))
