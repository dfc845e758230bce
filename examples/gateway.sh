#!/bin/sh
# Through the gateway with curl: what every rule says of a request, then an answer.
#
# Run: router serve, then: sh examples/gateway.sh
# ROUTER_URL names another address than http://127.0.0.1:8787, ROUTER_KEY a key if it asks for one.
set -eu
url=${ROUTER_URL:-http://127.0.0.1:8787}
key=${ROUTER_KEY:-none}

post() {
    curl --silent --show-error --fail-with-body "$url$1" \
        --header "content-type: application/json" --header "x-api-key: $key" --data "$2"
    echo
}

post /v1/route '{"model": "auto", "messages": [{"role": "user", "content": "Mail ann@example.org"}]}'
post /v1/chat/completions '{"model": "auto", "messages": [{"role": "user", "content": "Say hello."}]}'
