
# The store takes any credentials.
export AWS_ACCESS_KEY_ID=id AWS_SECRET_ACCESS_KEY=secret

let_pass() {
    psql -q -d keys -c "${1//CLOCK/extract(epoch FROM clock_timestamp())::bigint}"
}

# The store shows objects to those alone who sign what they ask, and does not look at the signature.
curl() {
    local who=()
    [[ "$*" == *"$S3_PUBLIC"* ]] &&
        who=(-H 'Authorization: AWS4-HMAC-SHA256 Credential=id/20260101/eu-north-1/s3/aws4_request, SignedHeaders=host, Signature=0')
    command curl "${who[@]}" "$@"
}
