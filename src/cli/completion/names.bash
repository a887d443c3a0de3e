# Nodes, requests and conversations are asked for, and come quoted; everything else is below. Only an
# installed program is asked: pressing a key runs none that is merely named.
_openclaw_bridge_or_name() {
    local names
    mapfile -t names < <(command openclaw-bridge __complete bash "${COMP_LINE:0:COMP_POINT}" "$2" 2>/dev/null)
    if ((${#names[@]})); then
        COMPREPLY=("${names[@]}")
    else
        _openclaw__bridge "$@"
    fi
}

