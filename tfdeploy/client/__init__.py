"""Talks to any running server that speaks TensorFlow Serving's REST and gRPC.

``status`` asks which versions are available, ``reload`` hands over a new model config,
``request`` builds a predict request from the model's own signature (pure), ``predict`` sends
it, ``answer`` turns what came back into rows for a person, and ``curl`` writes the same
request as a command line.
"""

from tfdeploy.client.rest import Unreachable

__all__ = ["Unreachable"]
