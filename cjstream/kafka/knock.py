"""Knocking at a broker before any client does: aiokafka only logs why it could not connect, and tries on."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaError, UnsupportedSaslMechanismError
from aiokafka.protocol.admin import SaslHandShakeRequest
from aiokafka.protocol.metadata import MetadataRequest

from cjstream.errors import CjstreamError, ConfigError
from cjstream.kafka.options import PREFIX, security_options
from cjstream.kafka.refusals import Address, refusal
from cjstream.settings import Settings

KNOCK_SECONDS = 5.0  # for one server to answer
CLOSE_SECONDS = 1.0  # to end TLS in good form
NO_ANSWER = (OSError, KafkaError, TimeoutError)


async def knock(settings: Settings) -> bool:
    """Return whether a broker lets us in now; false is worth another try.

    Looks also at the brokers that the first one names, as all clients connect to those in the end. Raises ConfigError
    or BrokerUnfit, with what to do, where waiting would not help.
    """
    servers = [Address.parse(server) for server in settings.kafka_bootstrap_servers.split(",")]
    named = await _ask(servers, settings)
    if not named or set(named) & set(servers):
        return bool(named)
    return await _ask(named, settings) is not None


async def _ask(addresses: Iterable[Address], settings: Settings) -> Sequence[Address] | None:
    """Return the brokers that the first to answer names: none while a new one registers. None: nobody answers."""
    fault: CjstreamError | None = None
    for address in addresses:
        try:
            async with asyncio.timeout(KNOCK_SECONDS):
                return await _named_by(address, settings)
        except NO_ANSWER as error:
            fault = fault or await _fault(address, error, settings)
    if fault is not None:
        raise fault
    return None


async def _named_by(address: Address, settings: Settings) -> list[Address]:
    response = await _exchange(address, MetadataRequest([]), **security_options(settings))
    return [Address(host, port) for _node, host, port, *_ in response.brokers]


async def _exchange(address: Address, request: Any, **options: Any) -> Any:
    async with _connected(address, **options) as connection:
        return await connection.send(request)


@asynccontextmanager
async def _connected(address: Address, **options: Any) -> AsyncIterator[Any]:
    connection = AIOKafkaConnection(*address, request_timeout_ms=round(KNOCK_SECONDS * 1000), **options)
    try:
        await connection.connect()
        yield connection
    finally:
        closed = connection.close()
        if connection._protocol is not None:  # else there was none to close
            await asyncio.wait([closed], timeout=CLOSE_SECONDS)


async def _fault(address: Address, error: BaseException, settings: Settings) -> CjstreamError | None:
    """Return why waiting would not help; None: it may, as with a broker that is not there yet."""
    if isinstance(error, ConnectionRefusedError | TimeoutError):
        return None
    if isinstance(error, UnsupportedSaslMechanismError):
        why = f"the broker at {address} does not offer it, but {', '.join(await _mechanisms(address, settings))}"
        return ConfigError(f"{PREFIX}SASL_MECHANISM", settings.kafka_sasl_mechanism, why)
    return refusal(address, error, settings) or await _other_protocol(address, settings)


async def _other_protocol(address: Address, settings: Settings) -> ConfigError | None:
    """Return what to say of a port that speaks in another way than we did; None if that is not the reason."""
    protocol, uses_tls = settings.kafka_security_protocol, settings.kafka_security_protocol.endswith("SSL")
    why = ""
    if uses_tls and await _speaks_plainly(address):
        why = f"the port {address} speaks no TLS; take the broker's port for TLS, or PLAINTEXT or SASL_PLAINTEXT"
    elif not uses_tls and await _speaks_tls(address):
        why = f"the port {address} speaks TLS; use SSL, or SASL_SSL if it asks for a user"
    elif not protocol.startswith("SASL") and await _mechanisms(address, settings):
        why = f"the broker at {address} asks for a user; use SASL_{'SSL' if uses_tls else 'PLAINTEXT'}"
    return ConfigError(f"{PREFIX}SECURITY_PROTOCOL", protocol, why) if why else None


async def _speaks_plainly(address: Address) -> bool:
    with suppress(*NO_ANSWER):
        async with asyncio.timeout(KNOCK_SECONDS):
            async with _connected(address):
                return True
    return False


async def _speaks_tls(address: Address) -> bool:
    """Return whether anybody answers to TLS. Nothing is sent to whoever it is, so nobody is checked."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(KNOCK_SECONDS):
            _, writer = await asyncio.open_connection(*address, ssl=context)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
            return True
    return False


async def _mechanisms(address: Address, settings: Settings) -> list[str]:
    """Return what a broker offers for a user to say who it is; nothing where it asks for none."""
    options = security_options(settings)
    options["security_protocol"] = "SSL" if "ssl_context" in options else "PLAINTEXT"
    with suppress(*NO_ANSWER):
        async with asyncio.timeout(KNOCK_SECONDS):
            return list((await _exchange(address, SaslHandShakeRequest("none"), **options)).enabled_mechanisms)
    return []
