# syntax=docker/dockerfile:1.7
# Two images from one build:
#
#     docker build --target redis   -t redis-kafka/redis:0.1.0   .    Redis with the module
#     docker build --target sidecar -t redis-kafka/sidecar:0.1.0 .    the program redis-kafka

FROM rust:1.90.0-slim-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        build-essential pkg-config libssl-dev zlib1g-dev libclang-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --release --locked -p redis-kafka-module -p redis-kafka \
    && mkdir /out \
    && cp target/release/libredis_kafka.so target/release/redis-kafka /out/ \
    && strip --strip-debug /out/*

# Debian's own Redis (7.0): the server the tests run against, with the OpenSSL the
# module was linked with.
FROM debian:12.12-slim AS redis
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        redis-server libssl3 zlib1g ca-certificates \
    && rm -rf /var/lib/apt/lists/* /etc/redis/redis.conf \
    && install -d -o redis -g redis -m 0750 /data
COPY --from=build /out/libredis_kafka.so /usr/local/lib/redis-kafka/libredis_kafka.so
COPY redis.conf /tmp/redis.conf
# The same file as outside, with the paths of the image.
RUN install -d /etc/redis \
    && sed -e 's|^loadmodule target/release/|loadmodule /usr/local/lib/redis-kafka/|' \
           -e 's|^dir \.$|dir /data|' \
           -e 's|^bind .*|bind * -::*|' \
        /tmp/redis.conf > /etc/redis/redis.conf \
    && chmod 0644 /etc/redis/redis.conf \
    && rm /tmp/redis.conf
USER redis
WORKDIR /data
VOLUME /data
EXPOSE 6379
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s \
    CMD ["sh", "-c", "redis-cli ping | grep -q PONG && redis-cli module list | grep -q kafka"]
# Protected mode would refuse every client outside the container; publish the port
# to trusted networks only, or set a password.
CMD ["redis-server", "/etc/redis/redis.conf", "--protected-mode", "no"]

FROM debian:12.12-slim AS sidecar
RUN apt-get update \
    && apt-get install -y --no-install-recommends libssl3 zlib1g ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin redis-kafka
COPY --from=build /out/redis-kafka /usr/local/bin/redis-kafka
USER 10001
# Probes and scrapers come from outside the container; the command port stays inside until
# REDIS_KAFKA_LISTEN, with a password and TLS, opens it.
ENV REDIS_KAFKA_HTTP=0.0.0.0:8390
EXPOSE 8390
HEALTHCHECK --interval=10s --timeout=8s --start-period=10s \
    CMD ["redis-kafka", "health", "--live"]
ENTRYPOINT ["redis-kafka"]
CMD ["run"]
