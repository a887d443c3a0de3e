# A key that only root can read works by LoadCredential=, and not without, which is said beforehand.
on <<'END'
live=/etc/letsencrypt/live/bridge.example
mkdir -p $live && chmod 700 /etc/letsencrypt/live
openssl req -quiet -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
    -subj /CN=bridge.example -keyout $live/privkey.pem -out $live/fullchain.pem 2>/dev/null ||
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
        -subj /CN=bridge.example -keyout $live/privkey.pem -out $live/fullchain.pem 2>/dev/null
chmod 600 $live/privkey.pem
install_it
tls() { configure <<<"{ bridge: { tls: { enabled: true, certPath: \"$1\", keyPath: \"$2\" } } }"; }
tls $live/fullchain.pem $live/privkey.pem
shows "only root can read" openclaw-bridge config check
say "config check warns"
refused "failed" systemctl start $unit
journalctl -q --no-pager -u $unit | grep -m1 "ermission denied" | sed 's/^.*: error/   | error/'

# As the unit says, in its comment.
mkdir -p /etc/systemd/system/$unit.service.d
{ echo '[Service]'; sed -n 's/^#\(LoadCredential=\)/\1/p' /usr/local/lib/systemd/system/$unit.service; } \
    >/etc/systemd/system/$unit.service.d/key.conf
systemctl daemon-reload
tls /run/credentials/openclaw-bridge.service/cert.pem /run/credentials/openclaw-bridge.service/key.pem
systemctl restart $unit
shows "$(openssl x509 -in $live/fullchain.pem -outform DER | sha256sum | cut -d' ' -f1)" openclaw-bridge status
say "with LoadCredential= the service has the certificate"
END
