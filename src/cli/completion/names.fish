
# Nodes, requests and conversations are asked for, and quoted by fish.
function __openclaw_bridge_asks
    set -l words (commandline -opc) (commandline -ct)
    set -g __openclaw_bridge_found (command openclaw-bridge __complete fish $words[2..-1] 2>/dev/null)
    set -q __openclaw_bridge_found[1]
end
complete -c openclaw-bridge -n __openclaw_bridge_asks -f -a '$__openclaw_bridge_found'
complete -c openclaw-bridge -n __openclaw_bridge_asks -l node -x -a '$__openclaw_bridge_found'
complete -c openclaw-bridge -n __openclaw_bridge_asks -l session -x -a '$__openclaw_bridge_found'
complete -c openclaw-bridge -n __openclaw_bridge_asks -l subscribe -x -a '$__openclaw_bridge_found'
