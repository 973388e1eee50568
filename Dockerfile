# Builds the program and its image with nothing but an engine: docker build .
# The classic builder and BuildKit both read it, so it uses neither mounts nor build platforms.
ARG GO_IMAGE=golang:1.26-bookworm

FROM ${GO_IMAGE} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=${VERSION}" \
    -o /simpledeploy-backup ./cmd/simpledeploy-backup

# Nothing but the program: time zones and certificate roots are inside the binary.
FROM scratch
ARG VERSION=dev
ARG REVISION=""
ARG SOURCE_URL=""
LABEL org.opencontainers.image.title="simpledeploy-backup" \
      org.opencontainers.image.description="Backs up labelled containers to any storage, proves it, and restores with one command" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE_URL}" \
      com.simpledeploy.backup.role="appliance"
COPY LICENSE /LICENSE
COPY --from=build /simpledeploy-backup /usr/local/bin/simpledeploy-backup
# An image from scratch has no /tmp, and a few storage backends want one.
WORKDIR /tmp
WORKDIR /
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 CMD ["simpledeploy-backup", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/simpledeploy-backup"]
CMD ["serve"]
