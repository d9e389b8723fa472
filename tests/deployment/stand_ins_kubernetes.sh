# Stand-ins for the page of Kubernetes: what is asked of the cluster is written down, and commands of operators run here, on a database of their own.

sleep() {
    printf 'sleep %s\n' "$1" >> "$SAID/asked"
}

kubectl() {
    printf 'kubectl %s\n' "$*" >> "$SAID/asked"
    case "$*" in
        # What this is for is at the end of the pipe.
        *--dry-run=client*) ;;
        "replace -f -") cat > /dev/null ;;
    esac
    local word
    for word in "$@"; do
        case "$word" in
            --from-file=*)
                [ -e "${word##*=}" ] || { echo "there is no ${word##*=}"; return 1; }
                case "$*" in *" configmap operator-files "*) mkdir -p files && cp "${word##*=}" files/ ;; esac
                # Lines of secrets are compared with one another, and with what the pods had before.
                case "$word" in *.secret | *.revision) cp "${word##*=}" "$SAID/${word##*=}.$(wc -l < "$SAID/asked")" ;; esac
                ;;
        esac
    done
}

deploy/kubernetes/operate() {
    local program=$1
    shift
    printf 'operate %s %s\n' "$program" "$*" >> "$SAID/asked"
    VERIFICATION_DATABASE_URL=sqlite:codes.db SERVER_DATABASE_URL=sqlite:keys.db "$program" "${@/#\/etc\/pratique\/files\//files/}"
}

# The passwords and certificates that a provider of databases and buckets gives.
for file in verification.password verification-owner.password server.password server-owner.password exporter.password credentials ca.pem; do
    echo "$file" > "$file"
done
