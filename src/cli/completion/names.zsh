
# Nodes, requests and conversations are asked for, and quoted by compadd; everything else is below.
_openclaw-bridge() {
    local -a found names
    found=("${(@f)$(command openclaw-bridge __complete zsh "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
    if [[ -n "$found[1]" ]]; then
        names=("${(@)found%%$'\t'*}")
        found=("${(@)found/$'\t'/  }")
        compadd -l -d found -a names
    else
        _openclaw-bridge_static "$@"
    fi
}
