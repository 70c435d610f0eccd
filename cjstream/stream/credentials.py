"""Our security settings as Faust takes them, for its consumer and its own producer."""

from typing import Any

import faust

from cjstream.kafka.options import security_options
from cjstream.settings import Settings


def credentials(settings: Settings) -> Any:
    """Return Faust's credentials, None for none; raises ConfigError if a certificate cannot be used.

    The TLS context is always ours: without one Faust takes SASL to mean SASL without TLS.
    """
    options = security_options(settings)
    context = options.get("ssl_context")
    if "sasl_mechanism" in options:
        return faust.SASLCredentials(
            username=options["sasl_plain_username"],
            password=options["sasl_plain_password"],
            mechanism=options["sasl_mechanism"],
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context is not None else None
