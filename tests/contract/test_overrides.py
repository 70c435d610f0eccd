"""The methods of Faust, mode and aiokafka that we override or rely on are the ones that we read.

We pin exact versions, so this fails only with a new pin. Then read what changed in each function it names,
make ours fit, run tests/kafka and tests/faults, and put the hash that the failure prints into RELIED_ON.
"""

import ast
import hashlib
import importlib
import inspect
import pkgutil
import textwrap
import tomllib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from cjstream import stream

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
PINNED = ("faust-streaming", "mode-streaming", "aiokafka")

# "module:qualified name" -> first 16 hex of the hash of its syntax tree, docstrings and comments left out.
RELIED_ON = {
    "faust.app.base:App._on_partitions_revoked": "6ecb50c9af792f23",
    "faust.app.base:App._on_partitions_assigned": "7b08fae98a8453ca",
    "faust.app.base:App._stop_consumer": "56dd6a74b90dc374",
    "faust.app.base:App._new_transport": "ae2f4c912c376f54",
    "faust.app.base:App.on_first_start": "44b39313bb2146d6",
    "faust.app.base:App.on_rebalance_start": "464857b6c4f87e9f",
    "faust.app.base:App.on_rebalance_end": "21915fa90a34a1fd",
    "faust.app.base:App.on_stop": "2db5440390fbc9b3",
    "faust.worker:Worker._on_sigint": "349d83b2c155e9e8",
    "faust.transport.consumer:Consumer.getmany": "2dba3477b34eefd1",
    "faust.transport.consumer:Consumer._wait_next_records": "e959cf60f31881c0",
    "faust.transport.consumer:Consumer._add_gap": "4704e0092e1ee87b",
    "faust.transport.consumer:Consumer.ack": "917c4a73d58d64d6",
    "faust.transport.consumer:Consumer._new_offset": "750ed77a8b15f715",
    "faust.transport.consumer:Consumer._commit_offsets": "d3f10cc41e04c3b9",
    "faust.transport.consumer:Consumer._commit_tps": "cec9e3074fb3609b",
    "faust.transport.consumer:Consumer._filter_committable_offsets": "541e0e802dca7960",
    "faust.transport.consumer:Consumer._filter_tps_with_pending_acks": "c13d8dbfe7b46ab8",
    "faust.transport.consumer:Consumer._should_commit": "379dbae356efc3aa",
    "faust.transport.consumer:Consumer.verify_all_partitions_active": "327f6a7f26f81797",
    "faust.transport.consumer:Consumer.on_partitions_revoked": "7784727360733a01",
    "faust.transport.consumer:Consumer.on_partitions_assigned": "9716bb8ccbf5dcb7",
    "faust.transport.consumer:Consumer.on_buffer_drop": "b0dd715b39592aff",
    "faust.transport.consumer:Consumer.pause_partitions": "fe4dcf10545dae03",
    "faust.transport.consumer:Consumer.resume_partitions": "e7f22e1f61ec446b",
    "faust.transport.consumer:Consumer.resume_flow": "a8c8a893886e6b75",
    "faust.transport.consumer:ThreadDelegateConsumer._getmany": "11389c465ade0475",
    "faust.transport.consumer:Consumer._wait_for_ack": "9e4db93b0aaf1ae3",
    "faust.transport.consumer:Consumer.wait_empty": "41ec1537f4121176",
    "faust.transport.consumer:Consumer._drain_messages": "49e595a1aed5c65c",
    "faust.transport.consumer:Consumer.perform_seek": "d676c62900985c7b",
    "faust.transport.drivers.aiokafka:Consumer._new_consumer_thread": "f365f54aaf00c0b5",
    "faust.transport.drivers.aiokafka:Consumer._to_message": "f9697c044b0d3231",
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread._create_worker_consumer": "0f7bcd3670787a11",
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread.on_thread_stop": "de4ba4f6d370b139",
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread.on_start": "7ea03a68d6b14625",
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread.seek_wait": "a5677cc986cd8463",
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread._seek_wait": "27115940c1ecb99f",
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread._fetch_records": "9d06dd96d88f94bf",
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread._commit": "cc9fa949253ea76a",
    "mode.threads:ServiceThread.on_crash": "9513dd8d3ff5e911",
    "mode.utils.queues:FlowControlEvent.resume": "d0c378cc3bdf4ce1",
    "mode.worker:Worker._schedule_shutdown": "0890fca22737ea91",
    "faust.serializers.schemas:Schema.loads_key": "39e3408b0e4d8dba",
    "faust.serializers.schemas:Schema.loads_value": "d4e5dd46ec0cbb97",
    "faust.tables.base:Collection.persisted_offset": "b269cf5b52a9d653",
    "faust.tables.base:Collection.apply_changelog_batch": "9954f9d4c9852cd7",
    "faust.tables.base:Collection.on_rebalance": "66ef3801d369eead",
    "faust.tables.base:Collection.on_recovery_completed": "d86cef5fa65953e6",
    "faust.tables.manager:TableManager.on_start": "ad476c45c5442dcc",
    "faust.tables.recovery:Recovery._slurp_changelogs": "a6b69db1e04d1cad",
    "faust.tables.recovery:Recovery._resume_streams": "dffb1b25df852b6c",
    "faust.tables.recovery:Recovery.flush_buffers": "d09fea318af5bdb0",
    "faust.tables.recovery:Recovery.on_recovery_completed": "717e8f8864eb2ae0",
    "faust.tables.recovery:Recovery._restart_recovery": "e1c4d45b3c1090ef",
    "faust.tables.recovery:Recovery._build_offsets": "3f399c92f242a07e",
    "faust.tables.recovery:Recovery._build_highwaters": "107e660896ef9e18",
    "mode.utils.collections:ManagedUserDict.clear": "91a63979f3ee36d9",
    "mode.utils.collections:ManagedUserDict.update": "d0648e14c4506375",
    "mode.services:Service._crash": "eb845466b7d5c1c5",
    "mode.services:ServiceCallbacks.on_start": "414ac34458d0194c",
    "mode.services:ServiceCallbacks.on_stop": "56b12527f41a51f0",
    "mode.utils.collections:FastUserDict.items": "f8115ff99eda41b5",
    "mode.utils.collections:FastUserDict.keys": "42a844a0082477a2",
    "mode.utils.collections:FastUserDict.values": "4c0fda8c60f54f05",
    "aiokafka.consumer.consumer:AIOKafkaConsumer.start": "320a741817527686",
    "aiokafka.consumer.consumer:AIOKafkaConsumer.end_offsets": "c04a2bef8e7d281a",
    "aiokafka.consumer.fetcher:Fetcher._proc_offset_request": "108b0c8f034698ae",
    "aiokafka.consumer.fetcher:Fetcher._get_actions_per_node": "7e7f161d6fc1c927",
    "aiokafka.consumer.fetcher:Fetcher.fetched_records": "bd3a84734cd3e39f",
    "aiokafka.consumer.fetcher:FetchResult._update_position": "a937a2741d0d7dda",
    "aiokafka.consumer.fetcher:PartitionRecords._unpack_records": "015cb9a97409d202",
    "aiokafka.consumer.fetcher:PartitionRecords._contains_abort_marker": "c3646616591aa59a",
    "aiokafka.record.default_records:_DefaultRecordBatchPy._read_msg": "856d1c715e325f79",
    "aiokafka.record.default_records:_DefaultRecordBatchPy._maybe_uncompress": "6268b132e919690c",
    "aiokafka.consumer.group_coordinator:GroupCoordinator._do_heartbeat": "3e8a5550624ca43a",
    "aiokafka.consumer.group_coordinator:GroupCoordinator._heartbeat_routine": "fc10fc31a9955d26",
    "aiokafka.consumer.group_coordinator:GroupCoordinator.reset_generation": "c61a851825efffed",
    "aiokafka.client:AIOKafkaClient._get_conn": "f703056c6cc7229b",
    "aiokafka.client:AIOKafkaClient.send": "87ac981c813d861a",
    "aiokafka.conn:AIOKafkaConnection.close": "1cf4ef6343a60d18",
    "aiokafka.producer.message_accumulator:MessageBatch.expired": "7f1c186f08fe8695",
    "aiokafka.producer.producer:AIOKafkaProducer.send_batch": "3b89ae282afc4b23",
    "aiokafka.producer.producer:AIOKafkaProducer.create_batch": "98436fd1253108d5",
    "aiokafka.producer.message_accumulator:MessageAccumulator.add_batch": "770d87ea8596b222",
    "aiokafka.producer.message_accumulator:BatchBuilder.append": "eb9e2aadb8c6a5d7",
}


def source_of(target: str) -> ast.Module:
    """Return the syntax tree of a function; Faust's tasks hold theirs in `fun`."""
    module, _, path = target.partition(":")
    found: Any = importlib.import_module(module)
    for part in path.split("."):
        found = inspect.getattr_static(found, part)
    function = inspect.unwrap(getattr(found, "fun", found))
    return ast.parse(textwrap.dedent(inspect.getsource(function)))


def shape(node: object) -> object:
    """Return nested tuples without positions, docstrings and empty fields, which differ between Pythons."""
    if isinstance(node, list):
        return [shape(item) for item in node if not is_docstring(item)]
    if isinstance(node, ast.AST):
        fields = [(field, shape(value)) for field, value in ast.iter_fields(node) if value not in (None, [])]
        return type(node).__name__, fields
    return repr(node)


def is_docstring(node: object) -> bool:
    value = node.value if isinstance(node, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def digest(target: str) -> str:
    return hashlib.sha256(repr(shape(source_of(target))).encode()).hexdigest()[:16]


@pytest.mark.parametrize("target", RELIED_ON)
def test_a_function_that_we_rely_on_has_not_changed(target: str) -> None:
    now = digest(target)
    assert now == RELIED_ON[target], (
        f"{target} has changed. Read what is different, fit cjstream/stream to it, "
        f"run tests/kafka and tests/faults, then set RELIED_ON[{target!r}] = {now!r}."
    )


@pytest.mark.parametrize("package", PINNED)
def test_the_installed_version_is_the_pinned_one(package: str) -> None:
    dependencies = tomllib.loads(PYPROJECT.read_text())["project"]["dependencies"]
    assert f"{package}=={version(package)}" in dependencies, "run make install, or read the notes at the top"


def test_the_functions_run_as_the_python_that_is_hashed() -> None:
    """Faust and aiokafka compile some modules; a compiled one may differ from the text beside it."""
    modules = {target.partition(":")[0] for target in RELIED_ON}
    assert [m for m in modules if not str(importlib.import_module(m).__file__).endswith(".py")] == []


def foreign(base: type) -> bool:
    return base.__module__.partition(".")[0] in {"faust", "mode", "aiokafka"}


def overrides(cls: type) -> Iterator[str]:
    """Methods of Faust, mode or aiokafka that a class of ours replaces, dunder methods left out."""
    for name, ours in vars(cls).items():
        base = next((b for b in cls.__mro__[1:] if name in vars(b) and foreign(b)), None)
        if base and callable(ours) and not isinstance(ours, type) and not name.startswith("__"):
            yield f"{base.__module__}:{base.__qualname__}.{name}"


def test_every_override_is_watched() -> None:
    names = [f"cjstream.stream.{found.name}" for found in pkgutil.iter_modules(stream.__path__)]
    things = [thing for name in names for thing in vars(importlib.import_module(name)).values()]
    ours = {thing for thing in things if isinstance(thing, type) and thing.__module__ in names}
    missing = {name for cls in ours for name in overrides(cls)} - RELIED_ON.keys()
    assert {name: digest(name) for name in sorted(missing)} == {}, "read them, then add them to RELIED_ON"
