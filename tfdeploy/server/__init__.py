"""A stand-in for `tensorflow_model_server` on the TensorFlow pip package.

Same flags, same REST and gRPC API, same log lines, in Python: `python -m tfdeploy.server
--model_name=m --model_base_path=/models/m`. Models run through TensorFlow's C API; TensorFlow's
Python package is never imported unless the fallback engine is asked for. Known differences to the
real server are in docs/server.md.
"""
