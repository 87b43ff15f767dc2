"""Says what is installed, as one line of JSON."""

import json
from importlib.metadata import version

import openvino_genai  # noqa: F401

build = f"openvino-genai {version('openvino-genai')} / openvino {version('openvino')}"
print(json.dumps({"build": build, "backend": "cpu"}))
