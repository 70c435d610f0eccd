# cjstream with the extra `rocksdb`, for a user without a name and a root that nobody writes to:
# docs/how-to/run-in-a-container.md. The tag follows the fixes of one Python and one Debian; for a build that can be
# repeated give the digest too: --build-arg BASE=python:3.11-slim-bookworm@sha256:...
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY requirements/build.txt requirements/run.txt ./
RUN ["python", "-m", "pip", "install", "--require-hashes", "--only-binary=:all:", "--requirement=build.txt"]
RUN ["python", "-m", "venv", "--without-pip", "/opt/cjstream"]
RUN ["python", "-m", "pip", "--python=/opt/cjstream/bin/python", "install", \
     "--require-hashes", "--only-binary=:all:", "--requirement=run.txt"]
COPY pyproject.toml README.md LICENSE ./
COPY cjstream ./cjstream
COPY agents ./agents
RUN ["python", "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir=dist", "."]
RUN ["python", "-m", "pip", "--python=/opt/cjstream/bin/python", "install", \
     "--no-deps", "--no-index", "--find-links=dist", "cjstream"]
RUN ["install", "--directory", "--mode=0700", "--owner=10001", "--group=10001", "/data"]

FROM ${BASE}
LABEL org.opencontainers.image.title="cjstream" \
      org.opencontainers.image.description="An event-driven stream processor for customer journeys" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/cjstream /opt/cjstream
COPY --from=build --chown=10001:10001 /data /data
ENV PATH=/opt/cjstream/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    CJSTREAM_DATA_DIR=/data \
    CJSTREAM_METRICS_HOST=0.0.0.0
USER 10001:10001
WORKDIR /data
VOLUME ["/data"]
EXPOSE 9464
HEALTHCHECK --interval=10s --timeout=5s --start-period=300s --retries=6 CMD ["python", "-m", "cjstream.ops"]
ENTRYPOINT ["cjstream"]
CMD ["worker"]
