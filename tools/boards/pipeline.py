"""The board *Pipeline*: whether touchpoints are processed, and if not, what is in the way."""

from tools.boards.model import Board, Row
from tools.boards.pipeline_flow import FLOW, WRITES
from tools.boards.pipeline_health import ALERTS_NOW, HEALTH_FIRST, HEALTH_NEXT
from tools.boards.pipeline_upkeep import RESTORE

BOARD = Board(
    uid="cjstream-pipeline",
    title="cjstream · Pipeline",
    description="Whether touchpoints are processed, and if not, what is in the way.",
    rows=[
        Row("Health", [*HEALTH_FIRST, *HEALTH_NEXT, *ALERTS_NOW]),
        Row("Lag, throughput, latency", FLOW),
        Row("Work and refusals", WRITES),
        Row("Restore, rebalance, storage", RESTORE),
    ],
)
