#!/usr/bin/env bash
# Makes the test keys that are missing, each with a self-signed certificate valid 2020-2120, or as its
# name says.
# Everybody knows these keys: they are for tests only. Needs openssl 3.
set -eu
cd "$(dirname "$0")"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# `openssl ca` is what sets both dates of a certificate in every openssl 3.
config="$scratch/ca.cnf"
cat >"$config" <<CONFIG
[ca]
default_ca = self
[self]
database = $scratch/index
rand_serial = yes
new_certs_dir = $scratch
default_md = default
policy = any
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = name
[name]
CONFIG
: >"$scratch/index"

# make NAME SUBJECT GENPKEY-ARGUMENTS...: NAME.pk8 (PKCS#8, DER) and NAME.crt (X.509, DER)
make() {
    name=$1 subject=$2
    shift 2
    if [ -e "$name.pk8" ] && [ -e "$name.crt" ]; then return; fi
    openssl genpkey "$@" -out "$scratch/key.pem"
    openssl req -new -config "$config" -key "$scratch/key.pem" -subj "/CN=$subject" -out "$scratch/request.pem"
    openssl ca -batch -notext -config "$config" -selfsign -keyfile "$scratch/key.pem" \
        -startdate 20200101000000Z -enddate "${end:-21200101000000Z}" \
        -in "$scratch/request.pem" -out "$scratch/certificate.pem"
    openssl pkcs8 -topk8 -nocrypt -in "$scratch/key.pem" -outform DER -out "$name.pk8"
    openssl x509 -in "$scratch/certificate.pem" -outform DER -out "$name.crt"
}

make rsa-2048-idp "countersign test identity provider" -algorithm RSA -pkeyopt rsa_keygen_bits:2048
make rsa-2048-other "countersign test stranger" -algorithm RSA -pkeyopt rsa_keygen_bits:2048
make rsa-2048-sp "countersign test service provider" -algorithm RSA -pkeyopt rsa_keygen_bits:2048
make rsa-1024 "countersign test weak key" -algorithm RSA -pkeyopt rsa_keygen_bits:1024
make p256 "countersign test identity provider" -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:named_curve
make p384 "countersign test identity provider" -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -pkeyopt ec_param_enc:named_curve
make ed25519 "countersign test identity provider" -algorithm ED25519
end=20250101000000Z make p256-until-2025 "countersign test identity provider" -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:named_curve
