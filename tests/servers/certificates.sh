#!/usr/bin/env bash
# Sourced by the TLS tests: certificates of every kind that they need, made with openssl in $PKI.
: "${PKI:?}"

# authority NAME
authority() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=$1" \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign \
        -keyout "$PKI/$1.key" -out "$PKI/$1.crt" 2> /dev/null
}

# issue AUTHORITY NAME [ALTERNATIVE_NAMES] [DAYS]
issue() {
    openssl req -newkey rsa:2048 -nodes -subj "/CN=$2" -keyout "$PKI/$2.key" -out "$PKI/$2.csr" 2> /dev/null
    openssl x509 -req -in "$PKI/$2.csr" -CA "$PKI/$1.crt" -CAkey "$PKI/$1.key" -CAcreateserial -days "${4:-30}" \
        -extfile <(echo "subjectAltName=${3:-DNS:$2}") -out "$PKI/$2.crt" 2> /dev/null
}

# revoke AUTHORITY FILE [NAME]...: a list of the authority that revokes the names
revoke() {
    local authority=$1 out=$2 name index=$PKI/$1.revoked
    shift 2
    : > "$index"
    cat > "$PKI/ca.conf" <<C
[ca]
default_ca=this
[this]
database=$index
default_md=sha256
default_crl_days=30
certificate=$PKI/$authority.crt
private_key=$PKI/$authority.key
C
    for name in "$@"; do
        openssl ca -config "$PKI/ca.conf" -revoke "$PKI/$name.crt" 2> /dev/null
    done
    openssl ca -config "$PKI/ca.conf" -gencrl -out "$out" 2> /dev/null
}

# policy_directory DIRECTORY NAME TRUSTED: as Neo4j reads it
policy_directory() {
    mkdir -p "$1/trusted" "$1/revoked"
    cp "$PKI/$2.key" "$1/private.key"
    cp "$PKI/$2.crt" "$1/public.crt"
    cp "$PKI/$3.crt" "$1/trusted/"
}
