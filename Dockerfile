# The server and the command line, in an image without compilers.
#
#   docker build -t tidemark .
#   docker run -p 7400:7400 -p 7480:7480 -v tidemark:/data tidemark
#
# The base can be replaced, by a mirror's image for instance; it must be a Debian 12.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
ENV DEBIAN_FRONTEND=noninteractive
# The packages first: they change less often than the code, so rebuilds find this layer made.
COPY tools/packages.sh tools/packages.txt /src/tools/
RUN apt-get update \
 && apt-get install -y --no-install-recommends $(/src/tools/packages.sh build) \
 && rm -rf /var/lib/apt/lists/*
COPY . /src
WORKDIR /src
RUN cmake --preset release -DTIDEMARK_TESTS=OFF -DTIDEMARK_BENCH=OFF \
 && cmake --build --preset release --target tidemarkd tidemark

FROM ${BASE}
COPY tools/packages.sh tools/packages.txt /tmp/tools/
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends $(/tmp/tools/packages.sh runtime) \
 && rm -rf /var/lib/apt/lists/* /tmp/tools \
 && groupadd --gid 10001 tidemark \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data \
    --shell /usr/sbin/nologin tidemark \
 && install -d -o tidemark -g tidemark -m 0750 /data
COPY --from=build /src/build/release/bin/tidemarkd /src/build/release/bin/tidemark /usr/local/bin/
# By number: some clusters run only users whom they can tell from root.
USER 10001:10001
VOLUME /data
# gRPC, and HTTP with /metrics and the probes.
EXPOSE 7400 7480
# Settings of the server; flags after the image's name override them. A container's network is not the
# world's: who may reach the ports is decided outside. Hence the consent to listen beyond loopback
# without TLS.
ENV TIDEMARK_DATA=/data \
    TIDEMARK_LISTEN=0.0.0.0:7400 \
    TIDEMARK_HTTP=0.0.0.0:7480 \
    TIDEMARK_ALLOW_INSECURE_NETWORK=true \
    TIDEMARK_SERVER=127.0.0.1:7400
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["tidemark", "server", "info"]
ENTRYPOINT ["tidemarkd"]
