"""/metrics, /livez and /readyz over HTTP, in threads of their own: they answer while the loop is busy."""

from cjstream.ops.access import headers_of, read_token
from cjstream.ops.handler import METRICS
from cjstream.ops.server import NO_PARTITION, OpsServer

__all__ = ["METRICS", "NO_PARTITION", "OpsServer", "headers_of", "read_token"]
