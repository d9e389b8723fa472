
# The store takes any credentials.
export AWS_ACCESS_KEY_ID=id AWS_SECRET_ACCESS_KEY=secret
CREDENTIALS=(AWS_ACCESS_KEY_ID=id AWS_SECRET_ACCESS_KEY=secret)

let_pass() {
    psql -q -d keys -c "${1//CLOCK/extract(epoch FROM clock_timestamp())::bigint}"
}

# The store shows objects to those alone who sign what they ask, and does not look at the signature.
curl() {
    local who=()
    [[ "$*" == *"${PUBLIC%/one/*}"* ]] &&
        who=(-H 'Authorization: AWS4-HMAC-SHA256 Credential=id/20260101/eu-north-1/s3/aws4_request, SignedHeaders=host, Signature=0')
    command curl "${who[@]}" "$@"
}

# The machine of the primary: its server ends, and its unit is gone.
ssh() {
    [ "${*:2}" = 'systemctl disable --now postgresql' ] || { echo "ssh $* is not known here"; return 1; }
    local server
    server=$(head -n 1 "$1/data/postmaster.pid")
    kill -INT "$server"
    while kill -0 "$server" 2> /dev/null; do command sleep 0.1; done
}

# Debian has it where only root looks for programs.
nginx() {
    env PATH="$PATH:/usr/sbin" nginx -e stderr "$@"
}
