# Nodes, requests and conversations are asked for, and come quoted; everything else is below.
_openclaw_bridge_or_name() {
    local names
    mapfile -t names < <("$1" __complete bash "${COMP_LINE:0:COMP_POINT}" "$2" 2>/dev/null)
    if ((${#names[@]})); then
        COMPREPLY=("${names[@]}")
    else
        _openclaw__bridge "$@"
    fi
}

