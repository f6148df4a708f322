"""What one client may make this server hold in memory.

The original has most of these limits nowhere: libevent reads heads of any length, and one value
fills a tensor of any shape (tensorflow/core/framework/tensor.cc: FromProtoField), until memory runs
out. This server refuses instead.
"""

from typing import Final

# A request's head: request line and header fields together, URL included.
LARGEST_HEAD_BYTES: Final = 64 * 2**10
MOST_HEADERS: Final = 100

# A body, as sent.
LARGEST_BODY_BYTES: Final = 2**30

# Values that were not sent but follow from what was: a tensor's shape with one value, the context
# that is copied in front of every Example.
MOST_FILLED_BYTES: Final = 256 * 2**20


# Connections over this wait in the kernel or are closed, whatever the process may open.
_MOST_CONNECTIONS: Final = 2**16


def most_connections() -> int:
    """How many HTTP connections leave descriptors for models, logs and gRPC.

    Without descriptors a model can't be loaded, and accepting fails over and over.
    """
    try:
        import resource
    except ImportError:  # Windows counts them differently
        return _MOST_CONNECTIONS
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return _MOST_CONNECTIONS
    return max(1, min(limit * 3 // 4, _MOST_CONNECTIONS))
