"""Says what is installed and what it computes on, as one line of JSON."""

import json
from importlib.metadata import version

import mlx.core as mx

print(
    json.dumps(
        {
            "build": f"mlx-lm {version('mlx-lm')} / mlx {version('mlx')}",
            "backend": "metal" if mx.metal.is_available() else "cpu",
        }
    )
)
