#!/usr/bin/env bash
# Identity providers and checkers that others wrote: installs, runs, starts and stops them.
#
#   providers.sh install [NAME...]      those, or all; prints the folder that they are in
#   providers.sh metadata NAME FOLDER   one-shot: writes metadata.xml into FOLDER
#   providers.sh answer NAME FOLDER     one-shot: answers a request, by several files in FOLDER
#   providers.sh check NAME ARGUMENT... one-shot: asks a checker about a file
#   providers.sh serve FOLDER           SimpleSAMLphp on a free port of 127.0.0.1, until stopped
#
# To answer: samlp, pysaml2, lasso, xmlsec. To check: xmlsec1, samlsign, signxml, xmllint,
# jsonschema. README.md tells what each proves and which variables it reads. Everything goes into
# the target folder, except for Debian's packages, which `cargo xtask test` installs. Each command
# installs what it needs first, under a lock, so that several tests can start at once.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
home=${CARGO_TARGET_DIR:-$here/../../../target}/providers
# Debian's own: Lasso is a module of this Python, and of no other that may be on the search path.
python=/usr/bin/python3

# SimpleSAMLphp stops by itself after so many seconds, whatever happens to who started it.
serve_seconds=300

fail() {
    echo "providers.sh: $*" >&2
    exit 1
}

# need WHAT COMMAND...: the command succeeds if it is there.
need() {
    "${@:2}" >/dev/null 2>&1 || fail "$1 is missing; cargo xtask test installs or names it"
}

# part NAME FILE...: makes $home/NAME by make_NAME, unless it is there, made from the same files.
part() {
    local name=$1 made_from
    made_from=$(cd "$here" && cat providers.sh "${@:2}" | sha256sum)
    if [ "$(cat "$home/$name/.made-from" 2>/dev/null)" != "$made_from" ]; then
        rm -rf "${home:?}/$name"
        mkdir "$home/$name"
        "make_$name" "$home/$name" >&2
        echo "$made_from" >"$home/$name/.made-from"
    fi
}

# A key pair for each provider: none verifies what another signed.
make_keys() {
    local owner
    need openssl command -v openssl
    for owner in lasso pysaml2 samlp simplesamlphp xmlsec; do
        openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/CN=$owner" \
            -keyout "$1/$owner.key" -out "$1/$owner.crt" 2>/dev/null
    done
}

make_node() {
    need node command -v node
    need npm command -v npm
    cp "$here/package.json" "$here/package-lock.json" "$1"
    (cd "$1" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
}

make_python() {
    need xmlsec1 command -v xmlsec1
    need "the module venv of $python" "$python" -m ensurepip --version
    "$python" -m venv "$1"
    "$1/bin/pip" install --quiet --disable-pip-version-check --no-deps --only-binary :all: -r "$here/requirements.txt"
    "$1/bin/pip" check
}

# As whoever runs this: apt's own user can not write here.
download() {
    apt-get download -qq -o APT::Sandbox::User="$(id -un)" simplesamlphp
}

# Debian's package depends on a web server, so it is unpacked and not installed.
make_simplesamlphp() {
    need 'PHP with dom, mbstring and curl' \
        php -r 'exit((int) !(class_exists("DOMDocument") && function_exists("mb_strlen") && function_exists("curl_init")));'
    need apt-get command -v apt-get
    cd "$1"
    download || { apt-get update -qq && download; }
    dpkg -x simplesamlphp_*.deb .
    cd "$here"
}

install() {
    local name
    need flock command -v flock
    mkdir -p "$home"
    home=$(cd "$home" && pwd)
    exec 9>"$home/.lock"
    flock 9
    part keys
    for name in "$@"; do
        case $name in
            samlp) part node package.json package-lock.json ;;
            cryptography | jsonschema | pysaml2 | signxml | xmlsec) part python requirements.txt ;;
            lasso) need "the module lasso of $python" "$python" -c 'import lasso' ;;
            simplesamlphp) part simplesamlphp ;;
            samlsign | xmlsec1) need "$name" command -v "$name" ;;
            xmllint)
                need xmllint command -v xmllint
                need "SAML's schemas" ls /usr/share/xml/{opensaml,xmltooling}
                ;;
            *) fail "nobody here is called \`$name\`" ;;
        esac
    done
    exec 9>&-
}

# act metadata|answer NAME FOLDER
act() {
    export IDP_KEY=$home/keys/$2.key IDP_CERTIFICATE=$home/keys/$2.crt
    export IDP_ENTITY_ID=https://$2.idp.example/metadata
    cd "$3"
    case $2 in
        samlp) NODE_PATH=$home/node/node_modules exec node --no-deprecation "$here/samlp.js" "$1" ;;
        lasso) exec "$python" "$here/lasso_provider.py" "$1" ;;
        pysaml2 | xmlsec) exec "$home/python/bin/python" "$here/$2_provider.py" "$1" ;;
        *) fail "\`$2\` answers nothing" ;;
    esac
}

# check xmlsec1|samlsign|signxml FILE CERTIFICATE ELEMENT: that certificate's key, and no other,
# signed the element of this local name (or of this ID, for samlsign).
# check xmllint FILE protocol|metadata: the file has the form that the schema wants.
# check jsonschema FILE SCHEMA: for each line of the file, what the schema has against it.
check() {
    local file=$2
    case $1 in
        xmlsec1)
            exec xmlsec1 --verify --pubkey-cert-pem "$3" --enabled-key-data key-name \
                --id-attr:ID urn:oasis:names:tc:SAML:2.0:assertion:Assertion \
                --id-attr:ID urn:oasis:names:tc:SAML:2.0:protocol:Response \
                --id-attr:ID urn:oasis:names:tc:SAML:2.0:protocol:AuthnRequest \
                --id-attr:ID urn:oasis:names:tc:SAML:2.0:protocol:LogoutRequest \
                --id-attr:ID urn:oasis:names:tc:SAML:2.0:protocol:LogoutResponse \
                --id-attr:ID urn:oasis:names:tc:SAML:2.0:metadata:EntityDescriptor \
                --node-xpath "//*[local-name()='$4']/*[local-name()='Signature']" "$file"
            ;;
        samlsign) exec samlsign -f "$file" -c "$3" -id "$4" ;;
        jsonschema) exec "$home/python/bin/python" "$here/jsonschema_check.py" "${@:2}" ;;
        signxml) exec "$home/python/bin/python" "$here/signxml_check.py" "${@:2}" ;;
        xmllint)
            XML_CATALOG_FILES=$here/xml-catalog.xml exec xmllint --nonet --noout \
                --schema "/usr/share/xml/opensaml/saml-schema-$3-2.0.xsd" "$file"
            ;;
        *) fail "\`$1\` checks nothing" ;;
    esac
}

# serve FOLDER: PHP prints the address that it listens at. It ends with the process that started
# this script, even if that one is killed, and after $serve_seconds in any case.
serve() {
    mkdir -p "$1/log" "$1/tmp" "$1/sessions"
    export SIMPLESAMLPHP_CONFIG_DIR=$here/simplesamlphp
    export SIMPLESAMLPHP_STATE=$1 SIMPLESAMLPHP_KEYS=$home/keys
    exec setpriv --pdeathsig TERM timeout --kill-after=5 "$serve_seconds" \
        setpriv --pdeathsig KILL \
        php -S 127.0.0.1:0 -t "$home/simplesamlphp/usr/share/simplesamlphp/www"
}

case ${1-} in
    install)
        if [ $# = 1 ]; then set -- install cryptography jsonschema lasso pysaml2 samlp signxml simplesamlphp xmlsec; fi
        install "${@:2}"
        echo "$home"
        ;;
    metadata | answer)
        install "$2"
        act "$1" "$2" "$3"
        ;;
    check)
        install "$2"
        check "${@:2}"
        ;;
    serve)
        install simplesamlphp
        serve "$2"
        ;;
    *)
        sed -n '2,/^set -/{s/^# \{0,1\}//p}' "$0" >&2
        exit 2
        ;;
esac
