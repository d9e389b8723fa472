#!/usr/bin/env bash
# Walks one person's way from a code to an upload, as a phone does, and prints what the key server answered.
#
#     VERIFICATION=https://verification.example.org SERVER=https://keys.example.org AUTHORITY=example DEVICE_FILE=... deploy/smoke.sh CODE
#
# DEVICE_FILE holds an API key of the kind `device`. The key that is uploaded is drawn here and belongs to nobody. What is uploaded under a code of type
# `confirmed` or `likely` is published like anybody's; under a code of type `negative` the whole way is walked and nothing is stored, so that is
# the type for a service that people use. Needs curl, jq and openssl.
set -euo pipefail

code=$1
device=$(cat "$DEVICE_FILE")

main() {
    local nonce token key start hmac mac certificate
    # With a nonce of its own the phone may ask again if the answer is lost.
    nonce=$(openssl rand -base64 16)
    token=$(post "$VERIFICATION/api/verify" "{\"code\":\"$code\",\"nonce\":\"$nonce\"}" | field token)
    # A key of three days ago: nobody can replay it any more, so it is released at the next quarter of an hour.
    key=$(openssl rand -base64 16)
    start=$((($(date +%s) / 86400 - 3) * 144))
    hmac=$(openssl rand -hex 16)
    mac=$(printf '%s' "$key.$start.144.0" | openssl dgst -sha256 -mac hmac -macopt "hexkey:$hmac" -binary | base64)
    certificate=$(post "$VERIFICATION/api/certificate" "{\"token\":\"$token\",\"ekeyhmac\":\"$mac\"}" | field certificate)
    post "$SERVER/v1/publish" "{\"healthAuthorityID\":\"$AUTHORITY\",\"verificationPayload\":\"$certificate\",
        \"hmacKey\":\"$(bytes "$hmac" | base64)\",
        \"temporaryExposureKeys\":[{\"key\":\"$key\",\"rollingStartNumber\":$start,\"rollingPeriod\":144}]}" |
        jq -ce 'del(.padding, .revisionToken) | if .error then tojson | halt_error(1) else . end'
}

post() {
    curl -sS --max-time 30 "$1" -H 'Content-Type: application/json' -H "X-API-Key: $device" -d "$2"
}

# A field of an answer; without it, the answer says why.
field() {
    jq -er ".$1 // (del(.padding) | tojson | halt_error(1))"
}

# The bytes that a hexadecimal text stands for.
bytes() {
    # shellcheck disable=SC2059
    printf "$(printf '%s' "$1" | sed 's/../\\x&/g')"
}

main
