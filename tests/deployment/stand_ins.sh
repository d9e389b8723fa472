# Stand-ins for a page's commands under test: the service manager, its journal, and the time that passes.

declare -A UNITS
declare -A PROGRAMS=(
    [pratique-verification]='verification serve'
    [pratique-server]='server serve'
    [pratique-exporter]='exporter run'
)

# What the machine's role gives the exporter.
CREDENTIALS=()

start_unit() {
    [[ $1 != pratique-backup@* ]] || { copy_database "${1#*@}"; return; }
    [ -n "${PROGRAMS[$1]:-}" ] || { echo "no unit $1"; return 5; }
    is_running "$1" && return
    # What root has made since is not its user's yet.
    local late
    late=$(find "$ETC" -type f -newer "$SAID/handed_over") && [ -z "$late" ] || { echo "not handed over: $late"; return 1; }
    # It knows what its own file says, and nothing of the shell's.
    local settings
    mapfile -t settings < <(grep '^[A-Z]' "$ETC/${1#pratique-}.env")
    (exec env -i PATH="$PATH" "${CREDENTIALS[@]}" "${settings[@]}" ${PROGRAMS[$1]}) >> "$SAID/$1" 2>&1 &
    UNITS[$1]=$!
}

stop_unit() {
    is_running "$1" || return 0
    kill -TERM "${UNITS[$1]}"
    wait "${UNITS[$1]}"
}

is_running() {
    [ -n "${UNITS[$1]:-}" ] && kill -0 "${UNITS[$1]}" 2> /dev/null
}

# What the unit starts, with the directories of this place.
copy_database() {
    local line
    line=$(sed -n 's/^ExecStart=//p' deploy/systemd/pratique-backup@.service)
    line=${line//%i/$1}
    line=${line//%S\/pratique-keys/$(dirname "$KEYS")}
    line=${line//%S\/pratique-verification/$(dirname "$CODES")}
    line=${line//\/var\/backups\/pratique/$BACKUP}
    ${line//\/opt\/pratique\/bin/deploy\/systemd}
}

systemd-tmpfiles() {
    [ "$*" = '--create pratique.conf' ] || { echo "systemd-tmpfiles $* is not known here"; return 1; }
    mkdir -p -m 700 "$BACKUP/keys" "$BACKUP/verification"
    touch "$SAID/handed_over"
}

systemctl() {
    local verb=$1 unit
    shift
    for unit in "$@"; do
        case "$verb $unit" in
            *" --now") ;;
            "enable nginx" | "reload nginx") ;;
            "enable pratique-backup@"*.timer) ;;
            "enable "* | "start "*) start_unit "$unit" || return ;;
            "disable "* | "stop "*) stop_unit "$unit" || return ;;
            "restart "*) stop_unit "$unit" && start_unit "$unit" || return ;;
            "is-active "*) is_running "$unit" && echo active || return 3 ;;
            *) echo "systemctl $verb $unit is not known here"; return 1 ;;
        esac
    done
}

journalctl() {
    local unit
    while [ $# -gt 0 ]; do
        case "$1" in -u) unit=$2; shift ;; esac
        shift
    done
    tail -n 20 "$SAID/$unit"
}

# Whoever sleeps until keys are released finds that the time has passed: what waits is free.
sleep() {
    [ "${1:-960}" -ge 900 ] || { command sleep "$1"; return; }
    local table
    for table in gaen_waiting tcn_waiting; do
        let_pass "UPDATE $table SET release_at = release_at - 900 * ((release_at - CLOCK) / 900 + 1) WHERE release_at > CLOCK"
    done
}

let_pass() {
    sqlite3 -cmd '.timeout 60000' "$KEYS" "${1//CLOCK/unixepoch()}"
}

leave() {
    local unit
    for unit in "${!UNITS[@]}"; do stop_unit "$unit"; done
    kill $(jobs -p) 2> /dev/null
    wait
}
