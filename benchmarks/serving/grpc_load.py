"""The gRPC client: ``python -m benchmarks.serving.grpc_load PORT FILE CALLERS SECONDS``.

Some callers, each with one request at a time, on a few connections. Requests and replies stay
bytes. It prints one line of JSON. It is Python, so it takes more CPU than a good server does and
limits what can be seen of one: ``client_busy`` is the share of one core that it used.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from benchmarks.serving.figures import percentile
from tfdeploy import wire

MOST_CHANNELS = 4
READY_SECONDS = 30


async def caller(channel: Any, request: bytes, until: float) -> tuple[list[float], int]:
    """The latencies of one caller's requests, in seconds, and how many failed."""
    call = channel.unary_unary(wire.PREDICT)
    latencies, failed = [], 0
    while (began := time.perf_counter()) < until:
        try:
            await call(request)
        except grpc.aio.AioRpcError:
            failed += 1
        latencies.append(time.perf_counter() - began)
    return latencies, failed


async def load(port: int, request: bytes, callers: int, seconds: float) -> dict[str, Any]:
    # Without a pool of its own each channel would share one connection.
    options = [
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.max_receive_message_length", -1),
        ("grpc.max_send_message_length", -1),
    ]
    channels = [
        grpc.aio.insecure_channel(f"127.0.0.1:{port}", options)
        for _ in range(min(callers, MOST_CHANNELS))
    ]
    for channel in channels:
        await asyncio.wait_for(channel.channel_ready(), READY_SECONDS)
    began, used = time.perf_counter(), time.process_time()
    tasks = [
        caller(channels[number % len(channels)], request, began + seconds)
        for number in range(callers)
    ]
    done = await asyncio.gather(*tasks)
    took, used = time.perf_counter() - began, time.process_time() - used
    for channel in channels:
        await channel.close(None)
    latencies = sorted(latency for each, _ in done for latency in each)
    return {
        "requests": len(latencies),
        "seconds": took,
        "p50_us": percentile(latencies, 0.5) * 1e6,
        "p99_us": percentile(latencies, 0.99) * 1e6,
        "failed": sum(failed for _, failed in done),
        "client_busy": used / took,
    }


def main() -> None:
    """Load, and print what was seen."""
    port, file, callers, seconds = sys.argv[1:]
    work = load(int(port), Path(file).read_bytes(), int(callers), float(seconds))
    try:
        import uvloop
    except ImportError:
        print(json.dumps(asyncio.run(work)))
    else:
        print(json.dumps(uvloop.run(work)))


if __name__ == "__main__":
    main()
