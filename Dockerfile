# syntax=docker/dockerfile:1
# The image holds the static binary and the SDKs as packages, and nothing else: it is there to be copied from.
#
#   COPY --from=ghcr.io/fwatchdog/fwatchdog:latest /fwatchdog /usr/bin/fwatchdog
#
# Build: docker buildx build --platform linux/amd64,linux/arm64 -t fwatchdog .

FROM --platform=$BUILDPLATFORM golang:1.26 AS build
ARG TARGETOS TARGETARCH VERSION=dev
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /out/fwatchdog ./cmd/fwatchdog \
 && mkdir -p /out/tmp && chmod 1777 /out/tmp

# The SDKs as users install them: no tests, no build output.
FROM --platform=$BUILDPLATFORM maven:3.9-eclipse-temurin-21 AS java
WORKDIR /src
COPY protocol/testdata protocol/testdata
COPY sdk/java sdk/java
RUN mvn -q -B -P release -f sdk/java/pom.xml -DskipTests install
COPY sdk/java-spring sdk/java-spring
RUN mvn -q -B -P release -f sdk/java-spring/pom.xml -DskipTests package \
 && mkdir -p /out/java && cp sdk/java*/target/fwatchdog*.jar /out/java && rm -f /out/java/*-conformance.jar

FROM scratch
COPY --from=build /out/fwatchdog /fwatchdog
COPY --from=build --chmod=1777 /out/tmp /tmp
COPY --from=build /src/sdk/node/package.json /src/sdk/node/index.js /src/sdk/node/index.mjs /src/sdk/node/index.d.ts /src/sdk/node/README.md /sdk/node/
COPY --from=build /src/sdk/node/lib /sdk/node/lib
COPY --from=build /src/template/go-pool/fwatchdog /sdk/go
COPY --from=build /src/sdk/go/workertest /sdk/go/sdk/go/workertest
COPY --from=java /out/java /sdk/java
COPY --from=build /src/sdk/python/pyproject.toml /src/sdk/python/README.md /sdk/python/
COPY --from=build /src/sdk/python/src /sdk/python/src
USER 65534:65534
EXPOSE 8080 8081
ENTRYPOINT ["/fwatchdog"]
