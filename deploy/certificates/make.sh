#!/bin/sh
# Certificates of relay and agents, by an authority of netpol's own, as Secrets on standard output:
#
#   sh deploy/certificates/make.sh DIRECTORY | kubectl apply -f -
#
# DIRECTORY keeps the authority. Keep its key (ca.key) where nobody else reads it: whoever has it may read all flows.
# The same command, before the year is over, renews the certificates; agents and relay take them without a restart.
set -eu
umask 077

mkdir -p "$1"
cd "$1"

key() {
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null
}

# certificate NAME EXTENDED-KEY-USAGE
certificate() {
    key "$1.key"
    cat >"$1.ext" <<EXTENSIONS
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = $2
subjectAltName = DNS:$1.netpol.svc
EXTENSIONS
    openssl req -new -key "$1.key" -subj "/CN=$1" |
        openssl x509 -req -days 397 -sha256 -CA ca.crt -CAkey ca.key -CAcreateserial -extfile "$1.ext" -out "$1.crt" 2>/dev/null
    rm "$1.ext"
}

base64_of() {
    openssl base64 -A -in "$1"
}

# secret NAME
secret() {
    cat <<SECRET
apiVersion: v1
kind: Secret
metadata:
  name: $1-tls
  namespace: netpol
  labels:
    app.kubernetes.io/part-of: netpol
type: kubernetes.io/tls
data:
  tls.crt: $(base64_of "$1.crt")
  tls.key: $(base64_of "$1.key")
  ca.crt: $(base64_of ca.crt)
---
SECRET
}

if [ ! -e ca.key ]; then
    key ca.key
    cat >ca.ext <<EXTENSIONS
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
EXTENSIONS
    openssl req -new -key ca.key -subj "/CN=netpol" |
        openssl x509 -req -days 3650 -sha256 -signkey ca.key -extfile ca.ext -out ca.crt 2>/dev/null
    rm ca.ext
fi
# Not for clients: a node's key must not open the flows of the other nodes.
certificate netpol-agent serverAuth
# It serves readers, and is a client of the agents.
certificate netpol-relay "serverAuth, clientAuth"

secret netpol-agent
secret netpol-relay
# Where `flows` finds whose certificates to trust.
cat <<CONFIG_MAP
apiVersion: v1
kind: ConfigMap
metadata:
  name: netpol-ca
  namespace: netpol
  labels:
    app.kubernetes.io/part-of: netpol
data:
  ca.crt: |
$(sed 's/^/    /' ca.crt)
CONFIG_MAP
