#!/usr/bin/env bash
# Has a holder sign a file through the signing API, with curl and openssl alone.
#
#     LINKID_URL=… CLIENT_ID=… CLIENT_SECRET=… examples/curl/sign.sh FILE CREDENTIAL
#
# Writes FILE.sig and FILE.crt, and verifies the one with the other.
set -euo pipefail
FILE=$1 CREDENTIAL=$2
API=${LINKID_URL:-http://localhost:8441}

# One member of a flat JSON answer, or the whole answer on standard error. A program of yours has a JSON library.
member() {
    local answer value
    answer=$(cat)
    value=$(sed -n "s/.*\"$1\": *\"\{0,1\}\([^\",}]*\).*/\1/p" <<<"$answer")
    if [ -z "$value" ]; then echo "$answer" >&2; return 1; fi
    printf '%s' "$value"
}
first() { sed -n "s/.*\"$1\": *\[\"\([^\"]*\)\".*/\1/p"; }

TOKEN=$(curl -s "$API/oauth2/token" -u "$CLIENT_ID:$CLIENT_SECRET" -d grant_type=client_credentials | member access_token)
csc() {
    curl -s "$API/csc/v2/$1" -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
        -H 'Prefer: wait=25' -d "$2"
}

HASH=$(openssl dgst -sha256 -binary "$FILE" | openssl base64 -A)
INFO=$(csc credentials/info "{\"credentialID\":\"$CREDENTIAL\"}")
first certificates <<<"$INFO" | openssl base64 -d -A >"$FILE.crt"
case "$INFO" in  # what comes with SHA-256: ECDSA, or RSA (PKCS #1 v1.5)
    *'"curve"'*) ALGORITHM=1.2.840.10045.4.3.2 ;;
    *) ALGORITHM=1.2.840.113549.1.1.11 ;;
esac

ASKED=$(csc credentials/authorize "{\"credentialID\":\"$CREDENTIAL\", \"numSignatures\":1, \"hashes\":[\"$HASH\"],
    \"hashAlgorithmOID\":\"2.16.840.1.101.3.4.2.1\", \"description\":\"$(basename "$FILE")\"}")
HANDLE=$(member handle <<<"$ASKED")
echo "approve on the phone; verification code $(member verification_code <<<"$ASKED")"
while true; do
    CHECKED=$(csc credentials/authorizeCheck "{\"handle\":\"$HANDLE\"}")
    case "$CHECKED" in
        *'"handle"'*) HANDLE=$(member handle <<<"$CHECKED") ;; # still waiting: ask again with the newest one
        *) break ;;
    esac
done
SAD=$(member SAD <<<"$CHECKED")
csc signatures/signHash "{\"credentialID\":\"$CREDENTIAL\", \"SAD\":\"$SAD\", \"hashes\":[\"$HASH\"],
    \"hashAlgorithmOID\":\"2.16.840.1.101.3.4.2.1\", \"signAlgo\":\"$ALGORITHM\"}" |
    first signatures | openssl base64 -d -A >"$FILE.sig"

openssl x509 -inform der -in "$FILE.crt" -pubkey -noout >"$FILE.pub"
openssl dgst -sha256 -verify "$FILE.pub" -signature "$FILE.sig" "$FILE"
