#!/usr/bin/env bash
# Makes the certificates of this folder anew (OpenSSL 3). They are for tests alone: the keys are public, those of the
# authorities are thrown away, and all certificates but the expired ones hold until 2126.
set -eu -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

printf '[ca]\ndefault_ca=one\n[one]\ndatabase=%s/index\nserial=%s/serial\nnew_certs_dir=%s\ndefault_md=sha256\npolicy=any\n[any]\ncommonName=supplied\n' \
  "$scratch" "$scratch" "$scratch" >"$scratch/ca.cnf"

key() {
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null
}

# sign FILE KEY EXTENSIONS [FROM UNTIL] [how to sign]…
sign() {
  local name=$1 key=$2 extensions=$3 from=$4 until=$5
  shift 5
  openssl req -new -key "$key" -subj "/CN=$name" -out "$scratch/request.pem"
  printf 'subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n%b' "$extensions" >"$scratch/extensions"
  : >"$scratch/index"
  openssl rand -hex 8 >"$scratch/serial"
  openssl ca -batch -notext -config "$scratch/ca.cnf" -in "$scratch/request.pem" -extfile "$scratch/extensions" \
    -out "$name.pem" -startdate "$from" -enddate "$until" "$@" 2>/dev/null
}

authority() {
  key "$scratch/$1.key"
  sign "$1" "$scratch/$1.key" 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n' \
    20200101000000Z 21260101000000Z -selfsign -keyfile "$scratch/$1.key"
}

# certificate NAME KEY AUTHORITY USAGE NAMES [UNTIL]
certificate() {
  sign "$1" "$2" "basicConstraints=critical,CA:FALSE\nextendedKeyUsage=$4\n${5:+subjectAltName=$5\n}" \
    20200101000000Z "${6:-21260101000000Z}" -cert "$3.pem" -keyfile "$scratch/$3.key"
}

authority ca
authority stranger-ca

# its own key, for every certificate of a server
key server.key
loopback=DNS:localhost,IP:127.0.0.1,IP:::1
certificate server server.key ca serverAuth "$loopback"
certificate server-renewed server.key ca serverAuth "$loopback"
certificate server-expired server.key ca serverAuth "$loopback" 20210101000000Z
certificate elsewhere server.key ca serverAuth DNS:elsewhere.example.com

# and one for every certificate of a client
key client.key
group=URI:spiffe://fairlead.test/fairlead/group
certificate edge client.key ca clientAuth "$group/edge"
certificate edge-n1 client.key ca clientAuth "$group/edge/node/n1"
certificate inner client.key ca clientAuth "$group/inner"
certificate nameless client.key ca clientAuth ''
certificate expired client.key ca clientAuth "$group/edge" 20210101000000Z
certificate stranger client.key stranger-ca clientAuth "$group/edge"
