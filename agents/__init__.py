"""One Faust agent per file, imported as `cjstream.agents`; no decisions inside."""
